/** Plays HTTP Live Streaming: by hls.js where the browser has media sources, else by the browser itself. */

const HLS_TYPE = "application/vnd.apple.mpegurl";

/**
 * Has `media` load the playlist at `address`; `authorised(address)` is what is asked for in place of an address.
 * `fail(trouble)` is told of what cannot be played. Gives what undoes it.
 */
export function attachHls(media, address, authorised, fail) {
  let player = null;
  let isOver = false;
  const playNatively = () => {
    media.src = authorised(address);
    media.load();
  };
  const begin = async () => {
    const { default: Hls } = await import("./vendor/hls.min.mjs");
    if (isOver) return;
    if (!Hls.isSupported()) return playNatively();
    player = new Hls({
      // A stream that goes on has no length, and so no position to keep.
      liveDurationInfinity: true,
      xhrSetup: (request, url) => request.open("GET", authorised(url), true),
    });
    let hasRecovered = false;
    player.on(Hls.Events.ERROR, (_, { fatal, type, details, response }) => {
      if (!fatal || isOver) return;
      if (type === Hls.ErrorTypes.MEDIA_ERROR && !hasRecovered) {
        hasRecovered = true;
        player.recoverMediaError();
      } else if (details === Hls.ErrorDetails.MANIFEST_LOAD_ERROR && !response?.code && media.canPlayType(HLS_TYPE)) {
        // A server that does not let scripts read its playlist lets the browser play it.
        player.destroy();
        player = null;
        playNatively();
      } else {
        fail(troubleFrom(type === Hls.ErrorTypes.NETWORK_ERROR, response?.code || null));
      }
    });
    player.loadSource(address);
    player.attachMedia(media);
  };
  begin().catch(() => fail({ kind: "network", status: null }));
  return () => {
    isOver = true;
    player?.destroy();
  };
}

function troubleFrom(isNetwork, status) {
  if (!isNetwork) return { kind: "decode", status: null };
  return status >= 400 && status < 500 ? { kind: "refused", status } : { kind: "network", status };
}

/** What a playlist at `address` is: `"film"`, `"live"`, or null if it cannot be read. */
export async function kindOfPlaylist(address) {
  const text = await playlistAt(address);
  if (text === null) return null;
  const variant = /^#EXT-X-STREAM-INF[^\n]*\n([^#\s][^\r\n]*)/m.exec(text.replace(/\r/g, ""))?.[1];
  const media = variant ? await playlistAt(new URL(variant, address).href) : text;
  if (media === null) return null;
  return /^#EXT-X-ENDLIST/m.test(media) ? "film" : "live";
}

/** A playlist that takes longer to come does not play well either. */
const PLAYLIST_WITHIN_MS = 8000;

async function playlistAt(address) {
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(PLAYLIST_WITHIN_MS) });
    const text = response.ok ? await response.text() : "";
    return text.startsWith("#EXTM3U") ? text : null;
  } catch {
    return null;
  }
}
