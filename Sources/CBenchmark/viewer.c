#include "CBenchmark.h"

#include <rfb/rfbclient.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void ignore(const char *format, ...) { (void)format; }

int cbenchmark_view(const char *host, int port, const char *encoding, int milliseconds) {

  rfbClientLog = ignore;
  rfbClientErr = ignore;
  rfbClient *client = rfbGetClient(8, 3, 4);
  if (client == NULL) return 1;
  client->serverHost = strdup(host);
  client->serverPort = port;
  client->appData.encodingsString = encoding;
  client->appData.useRemoteCursor = TRUE;
  client->canHandleNewFBSize = TRUE;
  // Frees the client when it fails.
  if (!rfbInitClient(client, NULL, NULL)) return 1;
  int waited, updates = 0;
  while ((waited = WaitForMessage(client, 1000000)) >= 0) {
    if (waited == 0) continue;
    if (!HandleRFBServerMessage(client)) break;
    updates++;
    // The next request has gone out by now: the one that stops leaves the server with an answer to write.
    if (milliseconds < 0) pause();
    if (milliseconds > 0) usleep((useconds_t)milliseconds * 1000);
  }
  free(client->frameBuffer);
  rfbClientCleanup(client);
  return updates > 0 ? 0 : 1;
}
