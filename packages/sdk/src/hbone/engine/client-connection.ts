/** The client end: opens CONNECT streams and reads their answers. */
import { CONNECTION_PREFACE, type HeaderBlockView, SettingId } from '@isthmus/codec-wasm';
import { Fault } from '../../wire/faults.js';
import { HEADER } from '../../wire/headers.js';
import type { HeaderField } from '../types.js';
import type { Answer } from './answer.js';
import { Connection, type ConnectionInit } from './connection.js';
import { ErrorCode, errorCodeName } from './error-code.js';
import { connectBlock } from './header-blocks.js';
import { HeaderList } from './header-list.js';
import type { EngineStream } from './stream.js';
import { MAX_STREAM_ID } from './stream-table.js';
import { receiveTrailers } from './trailers.js';

export interface OpenRequest {
  readonly authority: string;
  readonly headers: readonly HeaderField[];
  /** Called once, when the answer is there or can no longer come. */
  answered(answer: Answer): void;
}

const CLIENT_PREFACE = Buffer.from(CONNECTION_PREFACE);

export class ClientConnection extends Connection {
  protected readonly stopCode = ErrorCode.CANCEL;
  protected readonly lastPeerStreamId = 0;
  readonly #changed: () => void;
  #draining = false;

  /** `changed` is told whenever `availableStreams` may differ. */
  constructor(init: ConnectionInit, changed: () => void) {
    super(init, { name: 'client', maxHeaderListSize: init.settings.clientMaxHeaderListBytes });
    this.#changed = changed;
    const { settings } = init;
    this.writer.preface(CLIENT_PREFACE);
    this.writer.settings([
      [SettingId.ENABLE_PUSH, 0],
      [SettingId.INITIAL_WINDOW_SIZE, settings.streamWindowBytes],
      [SettingId.MAX_FRAME_SIZE, settings.maxFrameBytes],
      [SettingId.MAX_HEADER_LIST_SIZE, settings.clientMaxHeaderListBytes],
    ]);
    this.announceConnectionWindow();
  }

  /** Streams that can be opened now: never more than the peer takes, nor than one connection should carry. */
  get availableStreams(): number {
    if (this.#draining || this.isOver || this.#nextId > MAX_STREAM_ID) return 0;
    const { maxStreamsPerConnection } = this.init.settings;
    return Math.max(0, Math.min(maxStreamsPerConnection, this.peerSettings.maxConcurrentStreams) - this.activeStreams);
  }

  /** No stream will be opened any more; those that run run on. */
  get isDraining(): boolean {
    return this.#draining || this.isOver;
  }

  /** Sends a CONNECT. The caller has looked at `availableStreams`. */
  open({ authority, headers, answered }: OpenRequest): EngineStream {
    if (this.availableStreams === 0) throw new Error(`no stream is available on the connection with ${this.init.peer}`);
    const id = this.#nextId;
    // :scheme and :path must be left out of a CONNECT (RFC 9113 section 8.5). First, because it throws on bad fields.
    this.writer.headers(id, connectBlock(authority, headers), { endStream: false });
    const stream = this.createStream(id);
    stream.awaitsHead = true;
    stream.onAnswer = answered;
    stream.onOver = (end) => {
      if (end.kind === 'lost') settle(stream, { kind: 'lost', error: end.error });
      else settle(stream, { kind: 'reset', reason: 'the stream was reset before an answer' });
    };
    return stream;
  }

  /** Opens nothing more and ends when the last stream has. */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.streamsChanged();
  }

  protected receivedHeaders(id: number, block: HeaderBlockView, endStream: boolean): void {
    const stream = this.streams.open(id, 'HEADERS');
    if (!stream) this.receiver.late();
    else if (stream.onAnswer) this.#receivedAnswer(stream, block, endStream);
    else receiveTrailers(this.receiver, stream, block, endStream);
  }

  #receivedAnswer(stream: EngineStream, block: HeaderBlockView, endStream: boolean): void {
    if (block.refused) {
      const limit = this.init.settings.clientMaxHeaderListBytes;
      settle(stream, { kind: 'reset', reason: `the answer has more than ${limit} bytes of headers` });
      stream.reset(ErrorCode.CANCEL);
      return;
    }
    const headers = new HeaderList(this.init.codec, block);
    const status = statusOf(headers);
    if (status === undefined) {
      settle(stream, { kind: 'reset', reason: 'the answer has no valid :status' });
      this.receiver.resetStream(stream.id, ErrorCode.PROTOCOL_ERROR);
    } else if (status < 200 && endStream) {
      settle(stream, { kind: 'reset', reason: 'the answer ends before its final :status' });
      this.receiver.resetStream(stream.id, ErrorCode.PROTOCOL_ERROR);
    } else if (status < 200) {
      // An interim answer; the final one follows (RFC 9113 section 8.1). Any number of them would be a flood.
      this.receiver.late();
    } else {
      stream.awaitsHead = false;
      settle(stream, { kind: 'answered', status, headers });
      if (endStream) stream.receiveEnd();
    }
  }

  protected receivedReset(stream: EngineStream, errorCode: number): void {
    const reason = `reset with ${errorCodeName(errorCode)}`;
    settle(stream, { kind: errorCode === ErrorCode.REFUSED_STREAM ? 'unprocessed' : 'reset', reason });
  }

  protected noteBrokenFrame(id: number): void {
    const stream = this.streams.open(id, 'a broken frame');
    if (stream) settle(stream, { kind: 'reset', reason: 'the answer breaks the rules of HTTP/2' });
  }

  protected receivedGoAway(lastStreamId: number, errorCode: number): void {
    this.#draining = true;
    const reason = `${this.init.peer} sent GOAWAY ${errorCodeName(errorCode)}`;
    this.farewell = reason;
    if (errorCode === ErrorCode.INADEQUATE_SECURITY) {
      const refused = `${this.init.peer} refused our certificate (GOAWAY INADEQUATE_SECURITY); its log says why`;
      this.finish({ kind: 'fault', fault: new Fault('TLS_FAILURE', refused) });
      return;
    }
    for (const stream of this.streams.all()) {
      if (stream.id <= lastStreamId) continue;
      settle(stream, { kind: 'unprocessed', reason });
      stream.lose(new Fault('TUNNEL_LOST', reason));
    }
    this.streamsChanged();
  }

  /** A client never asks; an answer to nothing is ignored. */
  protected receivedDrainAck(): void {}

  protected streamsChanged(): void {
    if (this.#draining && this.activeStreams === 0) this.endGracefully();
    this.#changed();
  }

  get #nextId(): number {
    return this.streams.highestId === 0 ? 1 : this.streams.highestId + 2;
  }
}

/** Tells whoever asked; once. */
function settle(stream: EngineStream, answer: Answer): void {
  const { onAnswer } = stream;
  stream.onAnswer = undefined;
  stream.onOver = undefined;
  onAnswer?.(answer);
}

/** Three digits and nothing else (RFC 9110 section 15); a number read freely would take "2e2" for a tunnel. */
function statusOf(headers: HeaderList): number | undefined {
  const text = headers.get(HEADER.status) ?? '';
  return /^[1-5][0-9]{2}$/.test(text) ? Number(text) : undefined;
}
