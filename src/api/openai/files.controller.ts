import {
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Param,
  Post,
  Query,
  Req,
  Res,
  StreamableFile,
} from '@nestjs/common';
import {
  ApiBody,
  ApiConsumes,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiProduces,
  ApiQuery,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import contentDisposition from 'content-disposition';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { counted } from '../../kernel/counted.js';
import { MillraceError } from '../../kernel/errors.js';
import { actorOf, type Caller } from '../../modules/access/caller.js';
import { FilesService } from '../../modules/files/files.service.js';
import { ApiErrors } from '../common/api-errors.decorator.js';
import { readByteRange } from '../common/byte-range.js';
import { CurrentCaller } from '../common/caller.decorator.js';
import { ApiPageQuery, readChoice, readPageRequest, readText, toPage, type Page } from '../common/page.js';
import { Scopes } from '../common/scopes.decorator.js';
import { DeletedFileDto, FileDto, FileListDto, UploadFormDto } from './file.dto.js';
import { readUpload, toFileDto } from './file.mapper.js';
import { withUploadForm } from './upload-form.js';

const PAGE = { defaultLimit: 10_000, maxLimit: 10_000 };
const ORDERS = ['desc', 'asc'] as const;
const PARAM = { name: 'id', example: 'file-0198f3a2c4d57b1e8a3f5c6d7e8f9a0b' };
const UNKNOWN = `No such File object: ${PARAM.example}`;

@ApiTags('Files')
@Controller('v1/files')
@Scopes('files')
export class FilesController {
  constructor(private readonly files: FilesService) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Upload a file', description: 'The fields of the form may come in any order.' })
  @ApiConsumes('multipart/form-data')
  @ApiBody({ type: UploadFormDto })
  @ApiOkResponse({ type: FileDto })
  @ApiErrors({
    400: 'Invalid file format for Batch API. Must be .jsonl',
    415: 'The Content-Type of the request must be multipart/form-data, but there is none.',
  })
  upload(@CurrentCaller() { tenantSeq }: Caller, @Req() request: FastifyRequest): Promise<FileDto> {
    return withUploadForm(
      request,
      () => this.files.spool(tenantSeq),
      async (form) => {
        const { file, purpose, ttlMs } = readUpload(form);
        const stored = await this.files.create(file.spooled, { tenantSeq, purpose, filename: file.filename, ttlMs });
        return toFileDto(stored);
      },
    );
  }

  @Get()
  @ApiOperation({ summary: 'List files, newest first' })
  @ApiPageQuery(PAGE)
  @ApiQuery({ name: 'order', required: false, enum: ORDERS, description: 'By the time they were made.' })
  @ApiQuery({
    name: 'purpose',
    required: false,
    schema: { type: 'string' },
    description: 'Only files of this purpose.',
  })
  @ApiOkResponse({ type: FileListDto })
  @ApiErrors({ 400: "Invalid 'limit': integer above maximum value. Expected a value <= 10000, but got 10001 instead." })
  async list(@CurrentCaller() { tenantSeq }: Caller, @Query() query: Record<string, unknown>): Promise<Page<FileDto>> {
    const { files, hasMore } = await this.files.list({
      tenantSeq,
      ...readPageRequest(query, PAGE),
      order: readChoice(query, 'order', ORDERS),
      purpose: readText(query, 'purpose'),
    });
    return toPage(files.map(toFileDto), hasMore);
  }

  @Get(':id')
  @ApiOperation({ summary: 'Describe a file' })
  @ApiParam(PARAM)
  @ApiOkResponse({ type: FileDto })
  @ApiErrors({ 404: UNKNOWN })
  async retrieve(@CurrentCaller() { tenantSeq }: Caller, @Param('id') id: string): Promise<FileDto> {
    return toFileDto(await this.files.get(tenantSeq, id));
  }

  @Delete(':id')
  @ApiOperation({ summary: 'Delete a file', description: 'A batch that has begun with it goes on.' })
  @ApiParam(PARAM)
  @ApiOkResponse({ type: DeletedFileDto })
  @ApiErrors({ 404: UNKNOWN })
  async delete(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<DeletedFileDto> {
    await this.files.delete(caller.tenantSeq, id, actorOf(caller));
    return { id, object: 'file', deleted: true };
  }

  @Get(':id/content')
  @ApiOperation({ summary: 'Download a file', description: 'Of purpose `batch` or `batch_output`.' })
  @ApiParam(PARAM)
  @ApiHeader({ name: 'range', required: false, description: 'One range of bytes, such as `bytes=0-999`.' })
  @ApiProduces('application/octet-stream')
  @ApiOkResponse({ schema: { type: 'string', format: 'binary' } })
  @ApiResponse({
    status: 206,
    description: 'The range that was asked for',
    content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } },
  })
  @ApiErrors({
    400: 'Not allowed to download files of purpose: assistants',
    404: UNKNOWN,
    416: 'The file has only 1000 bytes.',
  })
  async content(
    @CurrentCaller() { tenantSeq }: Caller,
    @Param('id') id: string,
    @Headers('range') rangeHeader: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile> {
    const file = await this.files.get(tenantSeq, id);
    this.files.checkReadable(file);
    const range = readByteRange(rangeHeader, file.bytes);
    void reply.header('accept-ranges', 'bytes');
    if (range === 'unsatisfiable') {
      void reply.header('content-range', `bytes */${file.bytes}`);
      throw new MillraceError('range_not_satisfiable', `The file has only ${counted(file.bytes, 'byte')}.`);
    }
    if (range !== null) {
      void reply.code(206).header('content-range', `bytes ${range.start}-${range.end - 1}/${file.bytes}`);
    }
    const { start, end } = range ?? { start: 0, end: file.bytes };
    return new StreamableFile(await this.files.read(file, { start, end }), {
      type: 'application/octet-stream',
      disposition: contentDisposition(file.filename),
      length: end - start,
    });
  }
}
