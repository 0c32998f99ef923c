import { simCommand } from './sim-command.js';

await simCommand().parseAsync();
