import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { VERSION } from '../../config/version.js';

const ABOUT = `Carries AI work to models at the rate the models can take.

Files and batches speak OpenAI's API: set the base URL of any OpenAI client to this server, ending in \`/v1\`.
Errors have OpenAI's form, too: \`{"error": {"message", "type", "param", "code"}}\`.`;

/** The API, to read and to try out: `/docs` for people, `/docs-json` for programs. */
export function serveApiDocs(app: INestApplication): void {
  const description = new DocumentBuilder()
    .setTitle('Millrace')
    .setDescription(ABOUT)
    .setVersion(VERSION)
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key' })
    .addSecurityRequirements('bearer')
    .build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, description), {
    jsonDocumentUrl: 'docs-json',
    customSiteTitle: 'Millrace API',
  });
}
