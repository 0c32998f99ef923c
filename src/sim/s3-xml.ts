/** The few documents of S3 that the stand-in speaks. */
import { S3Error } from './s3-error.js';
import type { S3Object } from './s3-objects.js';
import type { NamedPart, S3Upload } from './s3-uploads.js';

export function errorXml({ code, message }: S3Error): string {
  return document(`<Error>${element('Code', code)}${element('Message', message)}</Error>`);
}

export function listingXml(objects: readonly S3Object[], next: string | null): string {
  const contents = objects.map(({ key, bytes, etag, modifiedAt }) => {
    const fields = [
      element('Key', key),
      element('LastModified', new Date(modifiedAt).toISOString()),
      element('ETag', etag),
      element('Size', String(bytes)),
    ];
    return `<Contents>${fields.join('')}</Contents>`;
  });
  const more = next === null ? '' : element('NextContinuationToken', next);
  const head = element('IsTruncated', String(next !== null)) + element('KeyCount', String(objects.length)) + more;
  return document(`<ListBucketResult>${head}${contents.join('')}</ListBucketResult>`);
}

export function uploadsXml(uploads: readonly S3Upload[]): string {
  const entries = uploads.map(({ id, key, initiatedAt }) => {
    const initiated = element('Initiated', new Date(initiatedAt).toISOString());
    return `<Upload>${element('Key', key)}${element('UploadId', id)}${initiated}</Upload>`;
  });
  const head = element('IsTruncated', 'false');
  return document(`<ListMultipartUploadsResult>${head}${entries.join('')}</ListMultipartUploadsResult>`);
}

export function begunXml({ id, key }: S3Upload): string {
  const fields = element('Key', key) + element('UploadId', id);
  return document(`<InitiateMultipartUploadResult>${fields}</InitiateMultipartUploadResult>`);
}

export function completedXml(key: string, etag: string): string {
  const fields = element('Key', key) + element('ETag', etag);
  return document(`<CompleteMultipartUploadResult>${fields}</CompleteMultipartUploadResult>`);
}

/** The parts that a client names to complete an upload; in their order, else `InvalidPartOrder`. */
export function parseParts(xml: string): NamedPart[] {
  const parts = [...xml.matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, part]) => ({
    number: Number(/<PartNumber>(\d+)<\/PartNumber>/.exec(part!)?.[1]),
    etag: (/<ETag>(.*?)<\/ETag>/.exec(part!)?.[1] ?? '').replaceAll(/&quot;|&#34;|"/g, ''),
  }));
  const isOrdered = parts.every(({ number }, at) => at === 0 || number > parts[at - 1]!.number);
  if (parts.length === 0) throw new S3Error(400, 'MalformedXML', 'No parts are named.');
  if (!isOrdered) throw new S3Error(400, 'InvalidPartOrder', 'The list of parts was not in ascending order.');
  return parts;
}

function document(root: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${root}`;
}

function element(name: string, text: string): string {
  const escaped = text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
  return `<${name}>${escaped}</${name}>`;
}
