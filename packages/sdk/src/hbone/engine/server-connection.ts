/** The server end: reports requests and sends their answers. */
import { type HeaderBlockView, SettingId } from '@isthmus/codec-wasm';
import { HEADER } from '../../wire/headers.js';
import { RAPID_RESET_MS } from '../limits.js';
import type { HeaderField } from '../types.js';
import { Connection, type ConnectionInit } from './connection.js';
import { ErrorCode, errorCodeName } from './error-code.js';
import { acceptBlock, answerBlock } from './header-blocks.js';
import { HeaderList } from './header-list.js';
import type { EngineStream } from './stream.js';
import { MAX_STREAM_ID } from './stream-table.js';
import { receiveTrailers } from './trailers.js';

/** A request; exactly one of `accept` and `refuse` answers it. After the stream is over both do nothing. */
export interface EngineRequest {
  readonly method: string;
  readonly authority: string | undefined;
  /** The port of `authority`; 0 when it is no host and port, or asks for port 0. */
  readonly port: number;
  readonly headers: HeaderList;
  readonly stream: EngineStream;
  /** Sends 200. */
  accept(headers: readonly HeaderField[]): void;
  /** Sends `status` with END_STREAM and lets the peer stop sending. */
  refuse(status: number, headers: readonly HeaderField[]): void;
  /** Told once when the stream is over before it was answered. */
  onAbandoned: (() => void) | undefined;
}

/**
 * Draining in two steps, because a peer cannot know of our GOAWAY while its streams are on the way: first "open no
 * more" with the highest number there is, and a PING; when that is answered, every stream the peer opened in
 * ignorance has arrived, and the true last number is told (RFC 9113 section 6.8).
 */
type Drain = 'no' | 'announced' | 'final';

export class ServerConnection extends Connection {
  protected readonly stopCode = ErrorCode.NO_ERROR;
  readonly #received: (request: EngineRequest) => void;
  /** Within one call of `receive`. */
  readonly #arrived: EngineRequest[] = [];
  #drain: Drain = 'no';

  constructor(init: ConnectionInit, received: (request: EngineRequest) => void) {
    super(init, { name: 'server', maxHeaderListSize: init.settings.serverMaxHeaderListBytes });
    this.#received = received;
    const { settings } = init;
    this.writer.settings([
      [SettingId.MAX_CONCURRENT_STREAMS, settings.serverMaxConcurrentStreams],
      [SettingId.INITIAL_WINDOW_SIZE, settings.streamWindowBytes],
      [SettingId.MAX_FRAME_SIZE, settings.maxFrameBytes],
      [SettingId.MAX_HEADER_LIST_SIZE, settings.serverMaxHeaderListBytes],
    ]);
    this.announceConnectionWindow();
  }

  /** Takes no new streams and ends when the last one has. */
  drain(): void {
    if (this.#drain !== 'no' || this.isOver) return;
    this.#drain = 'announced';
    this.writer.goAway(MAX_STREAM_ID, ErrorCode.NO_ERROR);
    this.pingForDrain();
  }

  protected get lastPeerStreamId(): number {
    return this.streams.highestId;
  }

  /**
   * Requests are handed over when all that came with them is read: one that was reset in the same breath, as in CVE-2023-44487,
   * has cost no more than its frames.
   */
  override receive(bytes: Uint8Array, now: number): void {
    super.receive(bytes, now);
    for (const request of this.#arrived.splice(0)) {
      if (request.stream.owesAnswer) this.#received(request);
    }
  }

  protected receivedHeaders(id: number, block: HeaderBlockView, endStream: boolean): void {
    const stream = this.streams.find(id);
    if (stream === 'idle') this.#receivedRequest(id, block, endStream);
    else if (stream === 'closed') this.receiver.late();
    else receiveTrailers(this.receiver, stream, block, endStream);
  }

  #receivedRequest(id: number, block: HeaderBlockView, endStream: boolean): void {
    const full = this.activeStreams >= this.init.settings.serverMaxConcurrentStreams;
    if (full || this.#drain === 'final') {
      this.streams.noteUsed(id);
      this.receiver.resetStream(id, ErrorCode.REFUSED_STREAM);
      return;
    }
    const stream = this.createStream(id);
    stream.owesAnswer = true;
    if (block.refused) {
      this.meter.spend('provokedResets', this.now);
      this.#answer(stream, 431, [], { endStream: true });
      return;
    }
    const { port } = block.connect();
    const request = this.#requestOf(stream, new HeaderList(this.init.codec, block), port);
    stream.onOver = () => {
      stream.owesAnswer = false;
      request.onAbandoned?.();
    };
    if (endStream) stream.receiveEnd();
    this.#arrived.push(request);
  }

  #requestOf(stream: EngineStream, headers: HeaderList, port: number): EngineRequest {
    return {
      method: headers.get(HEADER.method) ?? '',
      authority: headers.get(HEADER.authority),
      port,
      headers,
      stream,
      accept: (fields) => this.#answer(stream, 200, fields, { endStream: false }),
      refuse: (status, fields) => this.#answer(stream, status, fields, { endStream: true }),
      onAbandoned: undefined,
    };
  }

  #answer(
    stream: EngineStream,
    status: number,
    fields: readonly HeaderField[],
    { endStream }: { readonly endStream: boolean },
  ): void {
    if (!stream.owesAnswer) return;
    const block = status === 200 ? acceptBlock(fields) : answerBlock(status, fields);
    this.writer.headers(stream.id, block, { endStream });
    stream.owesAnswer = false;
    // With it the request goes, and its headers: a tunnel may be open for days.
    stream.onOver = undefined;
    if (endStream) stream.sentEndWithHeaders();
  }

  protected noteBrokenFrame(id: number): void {
    this.streams.noteUsed(id);
  }

  protected receivedReset(stream: EngineStream): void {
    if (this.now - stream.openedAt >= RAPID_RESET_MS) return;
    const useless = stream.bytesReceived + stream.bytesSent === 0;
    if (useless || stream.owesAnswer) this.meter.spend('rapidReset', this.now);
  }

  /** The client opens no more streams. */
  protected receivedGoAway(_lastStreamId: number, errorCode: number): void {
    this.farewell = `${this.init.peer} sent GOAWAY ${errorCodeName(errorCode)}`;
    this.#drain = 'final';
    this.streamsChanged();
  }

  protected receivedDrainAck(): void {
    if (this.#drain !== 'announced') return;
    this.#drain = 'final';
    this.writer.goAway(this.streams.highestId, ErrorCode.NO_ERROR);
    this.streamsChanged();
  }

  protected streamsChanged(): void {
    if (this.#drain === 'final' && this.activeStreams === 0) this.endGracefully();
  }
}
