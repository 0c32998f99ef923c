/**
 * As much of the tar format (POSIX ustar) as a backup needs: plain files with short names, so that any `tar` can read
 * ours, and files of over 8 GiB in the way of GNU tar.
 */
export const BLOCK = 512;

const SIZE_AT = 124;
const SIZE_LENGTH = 12;
const CHECKSUM_AT = 148;
const CHECKSUM_LENGTH = 8;
const MAX_NAME = 100;
const LARGEST_OCTAL = 8 ** 11 - 1;
const PLAIN_FILE = '0';

export interface TarHeader {
  path: string;
  bytes: number;
}

export function tarHeader({ path, bytes }: TarHeader): Buffer {
  if (Buffer.byteLength(path) > MAX_NAME) throw new Error(`a name is too long for a tar file: ${path}`);
  const block = Buffer.alloc(BLOCK);
  block.write(path, 0);
  block.write('0000600\0', 100); // mode
  block.write('0000000\0', 108); // owner
  block.write('0000000\0', 116); // group
  writeSize(block, bytes);
  block.write(
    `${Math.floor(Date.now() / 1000)
      .toString(8)
      .padStart(11, '0')}\0`,
    136,
  );
  block.write(PLAIN_FILE, 156);
  block.write('ustar\x0000', 257, 'latin1');
  block.fill(' ', CHECKSUM_AT, CHECKSUM_AT + CHECKSUM_LENGTH);
  block.write(`${checksumOf(block).toString(8).padStart(6, '0')}\0 `, CHECKSUM_AT);
  return block;
}

/** Null for the empty block that ends a tar file. Throws for a block that is no header. */
export function readTarHeader(block: Buffer): TarHeader | null {
  if (block.every((byte) => byte === 0)) return null;
  const told = Number.parseInt(textAt(block, CHECKSUM_AT, CHECKSUM_LENGTH), 8);
  const blanked = Buffer.from(block);
  blanked.fill(' ', CHECKSUM_AT, CHECKSUM_AT + CHECKSUM_LENGTH);
  if (told !== checksumOf(blanked)) throw new Error('it is no tar file, or it is damaged');
  return { path: textAt(block, 0, MAX_NAME), bytes: readSize(block) };
}

/** Zero bytes up to the next full block. */
export function paddingAfter(bytes: number): Buffer {
  return Buffer.alloc((BLOCK - (bytes % BLOCK)) % BLOCK);
}

function writeSize(block: Buffer, bytes: number): void {
  if (bytes <= LARGEST_OCTAL) {
    block.write(`${bytes.toString(8).padStart(SIZE_LENGTH - 1, '0')}\0`, SIZE_AT);
    return;
  }
  block[SIZE_AT] = 0x80;
  block.writeBigUInt64BE(BigInt(bytes), SIZE_AT + SIZE_LENGTH - 8);
}

function readSize(block: Buffer): number {
  if (block[SIZE_AT] === 0x80) return Number(block.readBigUInt64BE(SIZE_AT + SIZE_LENGTH - 8));
  return Number.parseInt(textAt(block, SIZE_AT, SIZE_LENGTH), 8);
}

function textAt(block: Buffer, start: number, length: number): string {
  const text = block.toString('utf8', start, start + length);
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

function checksumOf(block: Buffer): number {
  return block.reduce((sum, byte) => sum + byte, 0);
}
