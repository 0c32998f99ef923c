import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { VERSION } from '../../config/version.js';

const ABOUT = `Carries AI work to models at the rate the models can take.

Files, batches and models speak OpenAI's API: set the base URL of any OpenAI client to this server, ending in \`/v1\`. Their
errors, and those of the operators' routes, have OpenAI's form: \`{"error": {"message", "type", "param", "code"}}\`.

The Task API, under \`/v1/queue\`, takes single pieces of work, whose answers come by callback, by waiting or as a stream, and gives
them to workers that pull. Its errors are \`{"code": the HTTP status, "message", "timestamp"}\`; without
a valid key it answers 401 with no body.`;

/** In the order in which people come to them. */
const CHAPTERS: Readonly<Record<string, string>> = {
  Files: 'What batches read, and what they have written.',
  Batches: 'Many requests at once, from a file.',
  Models: 'What can be asked for.',
  Tasks: 'Single pieces of work: hand in, look up, cancel, listen.',
  'Tasks: queues': 'Where tasks wait, as whoever hands them in sees it.',
  'Tasks: workers': 'Take tasks, keep them, answer them.',
  'Tasks: dead letters': 'What has failed for good, and another chance for it.',
  'Console: upstreams': 'The model servers.',
  'Console: queues': 'Queues with all their settings.',
  'Console: keys and tenants': 'Who may do what, and how much of it.',
  'Console: stats': 'What moves, and why something does not.',
  'Console: audit': 'Who did what.',
  Health: 'For those who watch over the server.',
};

/** Without what is no use here: another maker's banner, and a choice of one server. */
const STYLE = '.swagger-ui .topbar, .swagger-ui .schemes-server-container { display: none }';

/** The API, to read and to try out: `/docs` for people, `/docs-json` for programs. */
export function serveApiDocs(app: INestApplication): void {
  const builder = new DocumentBuilder()
    .setTitle('Millrace')
    .setDescription(ABOUT)
    .setVersion(VERSION)
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addServer('/', 'This server')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key' })
    .addSecurityRequirements('bearer');
  for (const [name, about] of Object.entries(CHAPTERS)) builder.addTag(name, about);
  const description = builder.build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, description), {
    jsonDocumentUrl: 'docs-json',
    customSiteTitle: 'Millrace API',
    customCss: STYLE,
    swaggerOptions: { defaultModelsExpandDepth: -1, displayRequestDuration: true },
  });
}
