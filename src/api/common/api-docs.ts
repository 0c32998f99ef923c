import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { VERSION } from '../../config/version.js';

const ABOUT = `Carries AI work to models at the rate the models can take.

Files and batches speak OpenAI's API: set the base URL of any OpenAI client to this server, ending in \`/v1\`.
Errors have OpenAI's form, too: \`{"error": {"message", "type", "param", "code"}}\`.

The Task API, \`/v1/queue\`, has a form of its own for errors: \`{"code": the HTTP status, "message", "timestamp"}\`; without a
valid key it answers 401 with no body.`;

/** Without what is no use here: another maker's banner, and a choice of one server. */
const STYLE = '.swagger-ui .topbar, .swagger-ui .schemes-server-container { display: none }';

/** The API, to read and to try out: `/docs` for people, `/docs-json` for programs. */
export function serveApiDocs(app: INestApplication): void {
  const description = new DocumentBuilder()
    .setTitle('Millrace')
    .setDescription(ABOUT)
    .setVersion(VERSION)
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addServer('/', 'This server')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key' })
    .addSecurityRequirements('bearer')
    .build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, description), {
    jsonDocumentUrl: 'docs-json',
    customSiteTitle: 'Millrace API',
    customCss: STYLE,
    swaggerOptions: { defaultModelsExpandDepth: -1, displayRequestDuration: true },
  });
}
