/*
 * nghttp2 on the same bytes as the codec: `nghttp2-bench inflate|scan FILE`.
 *
 * FILE: u32 warm, u32 count, then warm + count spans, each u32 length and its bytes (little endian). The warm ones go in
 * once. Each line on standard input is a number of milliseconds: the other spans go in again and again for that much CPU time, and
 * "<nanoseconds for all of them> <bytes seen>" is the answer. The bytes are what the harness compares with its own.
 */
#include <inttypes.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct span {
  uint8_t *bytes;
  uint32_t length;
};

struct corpus {
  uint32_t warm, count;
  struct span *spans;
};

static void die(const char *what) {
  fprintf(stderr, "nghttp2-bench: %s\n", what);
  exit(1);
}

static uint32_t read_u32(FILE *file) {
  uint8_t b[4];
  if (fread(b, 1, 4, file) != 4) die("corpus too short");
  return b[0] | b[1] << 8 | b[2] << 16 | (uint32_t)b[3] << 24;
}

static struct corpus read_corpus(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) die("no corpus");
  struct corpus corpus = {read_u32(file), 0, NULL};
  corpus.count = read_u32(file);
  uint32_t all = corpus.warm + corpus.count;
  corpus.spans = calloc(all, sizeof *corpus.spans);
  for (uint32_t i = 0; i < all; i++) {
    struct span *span = &corpus.spans[i];
    span->length = read_u32(file);
    span->bytes = malloc(span->length + 1);
    if (fread(span->bytes, 1, span->length, file) != span->length) die("corpus too short");
  }
  fclose(file);
  return corpus;
}

/* CPU time of this process, as the harness counts its own. */
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static uint64_t seen;

static void inflate_span(void *context, struct span *span) {
  nghttp2_hd_inflater *inflater = context;
  const uint8_t *in = span->bytes;
  size_t left = span->length;
  for (;;) {
    nghttp2_nv field;
    int flags = 0;
    ssize_t read = nghttp2_hd_inflate_hd2(inflater, &field, &flags, in, left, 1);
    if (read < 0) die(nghttp2_strerror((int)read));
    in += read;
    left -= (size_t)read;
    if (flags & NGHTTP2_HD_INFLATE_EMIT) seen += field.namelen + field.valuelen;
    if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
  }
  nghttp2_hd_inflate_end_headers(inflater);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t length, void *user) {
  (void)session, (void)flags, (void)id, (void)data, (void)user;
  seen += length;
  return 0;
}

/* What the session wants to send (WINDOW_UPDATE, acknowledgements) is taken from it, as a server would. */
static void scan_span(void *context, struct span *span) {
  nghttp2_session *session = context;
  ssize_t read = nghttp2_session_mem_recv(session, span->bytes, span->length);
  if (read != (ssize_t)span->length) die(read < 0 ? nghttp2_strerror((int)read) : "bytes left");
  const uint8_t *out;
  while (nghttp2_session_mem_send(session, &out) > 0) continue;
}

static void *open_inflater(void) {
  nghttp2_hd_inflater *inflater;
  if (nghttp2_hd_inflate_new(&inflater) != 0) die("no inflater");
  return inflater;
}

/* Windows as the HBONE engine's: 4 MiB for a stream, 16 MiB for the connection. */
static void *open_session(void) {
  nghttp2_session_callbacks *callbacks;
  nghttp2_session *session;
  nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 4194304}};
  if (nghttp2_session_callbacks_new(&callbacks) != 0) die("no callbacks");
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  if (nghttp2_session_server_new(&session, callbacks, NULL) != 0) die("no session");
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, 1);
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, 16777216);
  const uint8_t *out;
  while (nghttp2_session_mem_send(session, &out) > 0) continue;
  return session;
}

int main(int argc, char **argv) {
  if (argc != 3) die("usage: nghttp2-bench inflate|scan FILE");
  int inflates = strcmp(argv[1], "inflate") == 0;
  void (*work)(void *, struct span *) = inflates ? inflate_span : scan_span;
  struct corpus corpus = read_corpus(argv[2]);
  void *context = inflates ? open_inflater() : open_session();
  for (uint32_t i = 0; i < corpus.warm; i++) work(context, &corpus.spans[i]);

  char line[32];
  while (fgets(line, sizeof line, stdin)) {
    double started = now(), until = started + atof(line) * 1e6, ended;
    uint64_t passes = 0;
    do {
      seen = 0;
      for (uint32_t i = 0; i < corpus.count; i++) work(context, &corpus.spans[corpus.warm + i]);
      passes++;
      ended = now();
    } while (ended < until);
    printf("%.1f %" PRIu64 "\n", (ended - started) / passes, seen);
    fflush(stdout);
  }
  return 0;
}
