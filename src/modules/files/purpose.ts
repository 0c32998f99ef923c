/** What a file may be uploaded for, in the order in which errors list them. */
export const UPLOAD_PURPOSES = ['fine-tune', 'assistants', 'batch', 'user_data', 'vision', 'evals'] as const;
export type UploadPurpose = (typeof UPLOAD_PURPOSES)[number];

/** Files of all other purposes are taken in, but not given out again. */
export const DOWNLOAD_PURPOSES: readonly string[] = ['batch', 'batch_output'];

export function isUploadPurpose(text: string): text is UploadPurpose {
  return (UPLOAD_PURPOSES as readonly string[]).includes(text);
}
