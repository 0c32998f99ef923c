/** The API as its own OpenAPI document describes it, for tests that go through every route there is. */
import type { TestServer } from './server.js';

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  schema?: Schema;
}

export interface MediaType {
  schema?: Schema;
  example?: unknown;
  /** Several, by name. */
  examples?: Record<string, { value: unknown }>;
}

/** As much of JSON Schema as the document uses. */
export interface Schema {
  $ref?: string;
  type?: string;
  format?: string;
  example?: unknown;
  enum?: unknown[];
  items?: Schema;
  allOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  nullable?: boolean;
}

export interface Answer {
  description: string;
  content?: Record<string, MediaType>;
}

interface Operation {
  summary?: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, MediaType> };
  responses: Record<string, Answer>;
}

export interface ApiDocument {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

/** One method of one path. */
export interface Route extends Operation {
  /** `GET /v1/files/{id}` */
  name: string;
  method: string;
  path: string;
  /** Its key needs one of these scopes; none: it is public. */
  scopes: string[];
}

const SCOPES = /Missing scopes: ([\w, ]+)\./;

export async function readDocument(server: TestServer): Promise<ApiDocument> {
  const response = await server.fetch('/docs-json', { headers: {} });
  return (await response.json()) as ApiDocument;
}

export function routesOf({ paths }: ApiDocument): Route[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([lowercase, operation]) => {
      const method = lowercase.toUpperCase();
      const scopes = SCOPES.exec(operation.responses['403']?.description ?? '')?.[1]?.split(/, | or /) ?? [];
      return { ...operation, name: `${method} ${path}`, method, path, scopes };
    }),
  );
}

export function pathParametersOf({ path }: Route): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
}

/** The path with each of its parameters filled in. */
export function fill({ path }: Route, value: string): string {
  return path.replaceAll(/\{\w+\}/g, encodeURIComponent(value));
}

/** A JSON body that the document gives as right; undefined where the route takes none. */
export function exampleBodyOf(document: ApiDocument, { requestBody }: Route): Record<string, unknown> | undefined {
  const media = requestBody?.content['application/json'];
  if (media === undefined) return undefined;
  const [first] = Object.values(media.examples ?? {});
  return (media.example ?? first?.value ?? exampleOf(document, media.schema ?? {})) as Record<string, unknown>;
}

/** What a schema has for an example, put together from those of its fields; undefined when there is none. */
export function exampleOf(document: ApiDocument, schema: Schema): unknown {
  if (schema.example !== undefined) return schema.example;
  if (schema.$ref !== undefined)
    return exampleOf(document, document.components.schemas[schema.$ref.split('/').at(-1)!]!);
  if (schema.allOf !== undefined) return Object.assign({}, ...schema.allOf.map((part) => exampleOf(document, part)));
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.items !== undefined) return [exampleOf(document, schema.items)];
  if (schema.properties === undefined) return undefined;
  const fields = Object.entries(schema.properties).map(([name, field]) => [name, exampleOf(document, field)] as const);
  return Object.fromEntries(fields);
}
