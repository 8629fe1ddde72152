// The player: what plays comes as events, what is shown is what the ear hears.
// Every address is relative: a proxy may put any path before those of the server.

const WORDS = {
  en: {
    air: "on the air", live: "live", relay: "relayed", lost: "reconnecting…", listeners: n => `${n} listening`, scanning: n => `looking for tracks: ${n} so far`, past: "Played before", play: "Play", stop: "Stop",
    volume: "Volume", admin: "For whoever has the admin key", key: "Admin key ", previous: "Previous", next: "Next",
    shuffle: "Shuffle", done: "done", silent: "nothing yet",
  },
  zh: {
    air: "播出中", live: "现场直播", relay: "转播", lost: "正在重新连接…", listeners: n => `${n} 人在听`, scanning: n => `正在查找曲目：已找到 ${n} 首`, past: "播放记录", play: "播放", stop: "停止",
    volume: "音量", admin: "管理员", key: "管理密钥 ", previous: "上一首", next: "下一首", shuffle: "随机", done: "完成",
    silent: "暂无内容",
  },
};
const language = navigator.language.startsWith("zh") ? "zh" : "en";
const words = WORDS[language];
document.documentElement.lang = language;

const $ = id => document.getElementById(id);
const audio = new Audio();
audio.preload = "none";
let streams = [];
let selected = named();
let skew = 0;
let burst = 5;
let analyser = null;
let shown = "";
let joinedAt = 0;
let retry = 0;
let failures = 0;
/// What each station has played, the latest last, as far as this page knows.
const past = new Map();
/// The station whose whole history is known, with the track that was the latest then.
let known = "";

$("past-title").textContent = words.past;
$("volume-label").textContent = words.volume;
$("admin-title").textContent = words.admin;
$("key-label").textContent = words.key;
for (const id of ["previous", "next", "shuffle"]) $(id).textContent = words[id];
$("volume").value = audio.volume = kept();
$("volume").addEventListener("input", () => {
  audio.volume = Number($("volume").value);
  try {
    localStorage.setItem("volume", audio.volume);
  } catch {
    // The browser keeps nothing.
  }
});

/// The volume of the last visit.
function kept() {
  try {
    const volume = parseFloat(localStorage.getItem("volume"));
    return volume >= 0 && volume <= 1 ? volume : 0.8;
  } catch {
    return 0.8;
  }
}

const isPlaying = () => audio.src !== "" && !audio.paused;
const clock = seconds => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

/// The station that the address of the page names.
function named() {
  const text = location.hash.slice(1);
  try {
    return decodeURIComponent(text) || "/";
  } catch {
    // It is no encoded text.
    return text;
  }
}

/// The selected station, or else the first.
const current = () => streams.find(stream => stream.route === selected) ?? streams[0];

/// A path of the server's that ends with a route.
const address = (path, route) => path + route.split("/").map(encodeURIComponent).join("/");

/// The station's time of what is heard. A listener begins the burst behind the head; what a browser has played since is
/// known to the millisecond, what it holds is not.
function heardAt() {
  return (isPlaying() ? joinedAt + audio.currentTime : Date.now() / 1000) + skew - burst;
}

/// The track that is heard: of the last two, the one whose time has come.
function heard(stream) {
  const now = heardAt();
  const played = past.get(stream.route) ?? [];
  return played.findLast(track => track.started_at <= now) ?? played[0] ?? { title: stream.title, artist: stream.artist, started_at: now };
}

function play() {
  clearTimeout(retry);
  const stream = current();
  if (!stream) return;
  audio.src = `${address(".", stream.route)}?t=${Date.now()}`;
  joinedAt = Date.now() / 1000;
  listenIn();
  audio.play().catch(() => {});
}

function stop() {
  clearTimeout(retry);
  audio.pause();
  audio.removeAttribute("src");
  audio.load();
}

/// Plays again after a while, and after a longer one when that fails too.
function playAgain() {
  if (!audio.src) return;
  clearTimeout(retry);
  failures += 1;
  retry = setTimeout(play, Math.min(30, 2 ** Math.min(failures, 5)) * 500);
}

/// Sound that goes through an analyser falls silent on WebKit: when a phone is locked, and for streams in any case.
const canAnalyse = !/AppleWebKit/.test(navigator.userAgent) || /Chrome\/|Chromium\//.test(navigator.userAgent);

function listenIn() {
  if (analyser) {
    analyser.context.resume();
    return;
  }
  if (!canAnalyse || !window.AudioContext) {
    $("spectrum").hidden = true;
    return;
  }
  const context = new AudioContext();
  analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaElementSource(audio).connect(analyser).connect(context.destination);
  const bins = new Uint8Array(analyser.frequencyBinCount);
  const canvas = $("spectrum");
  const draw = () => {
    analyser.getByteFrequencyData(bins);
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.fillStyle = getComputedStyle(document.body).getPropertyValue("--accent");
    const width = canvas.width / 64;
    for (let n = 0; n < 64; n += 1) {
      const height = (bins[n * 4] / 255) * canvas.height;
      pen.fillRect(n * width, canvas.height - height, width - 2, height);
    }
    requestAnimationFrame(draw);
  };
  draw();
}

/// For whoever wants to know what is heard: seconds played, and the loudest pitch in hertz.
window.roomhubRadio = {
  played: () => audio.currentTime,
  pitch() {
    if (!analyser || !isPlaying()) return 0;
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    const loudest = bins.reduce((best, level, n) => (level > bins[best] ? n : best), 0);
    return bins[loudest] > -90 ? (loudest * analyser.context.sampleRate) / analyser.fftSize : 0;
  },
};

function element(tag, kind, text) {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
}

function card(stream) {
  const button = element("button", "station");
  button.type = "button";
  button.addEventListener("click", () => {
    select(stream.route);
    play();
    show();
  });
  const route = element("span", "route");
  route.append(element("span", "", stream.route), element("span", "badge"), element("span", "count"));
  const bar = element("span", "bar");
  bar.append(element("i"));
  const times = element("span", "times");
  times.append(element("span", "elapsed"), element("span", "length"));
  button.append(route, element("span", "title"), element("span", "artist"), element("span", "scan"), bar, times);
  return button;
}

function select(route) {
  selected = route;
  location.hash = address("", route);
  learn();
}

function show() {
  const cards = $("stations");
  const routes = streams.map(stream => stream.route).join("\n");
  if (cards.dataset.routes !== routes) {
    cards.replaceChildren(...streams.map(card));
    cards.dataset.routes = routes;
  }
  streams.forEach((stream, place) => {
    const button = cards.children[place];
    const track = heard(stream);
    const elapsed = Math.max(0, heardAt() - track.started_at);
    const length = track.duration_seconds;
    button.setAttribute("aria-pressed", String(stream === current()));
    const badge = button.querySelector(".badge");
    badge.hidden = stream.source === "folder";
    badge.textContent = words[stream.source] ?? "";
    button.querySelector(".count").textContent = words.listeners(stream.listeners);
    button.querySelector(".title").textContent = track.title || words.silent;
    button.querySelector(".artist").textContent = track.artist ?? "";
    button.querySelector(".scan").textContent = stream.scan.is_running ? words.scanning(stream.scan.files) : stream.remark ?? "";
    button.querySelector(".elapsed").textContent = clock(elapsed);
    button.querySelector(".length").textContent = length ? clock(length) : "";
    button.querySelector(".bar i").style.width = length ? `${Math.min(100, (elapsed / length) * 100)}%` : "0";
  });
  const stream = current();
  if (!stream) return;
  const track = heard(stream);
  $("title").textContent = track.title || words.silent;
  $("artist").textContent = track.artist ?? "";
  $("play").textContent = isPlaying() ? "■" : "▶";
  $("play").setAttribute("aria-label", isPlaying() ? words.stop : words.play);
  const name = [track.artist, track.title].filter(Boolean).join(" - ");
  if (name !== shown) {
    shown = name;
    document.title = name ? `${name} · roomhub radio` : "roomhub radio";
    if ("mediaSession" in navigator) navigator.mediaSession.metadata = new MediaMetadata({ title: track.title, artist: track.artist });
  }
  const before = (past.get(stream.route) ?? []).filter(played => played.started_at < track.started_at).reverse().slice(0, 20);
  const rows = [stream.route, ...before.map(played => played.started_at)].join();
  if ($("history").dataset.rows !== rows) {
    $("history").dataset.rows = rows;
    $("history").replaceChildren(...before.map(played => {
      const row = element("li");
      row.append(
        element("time", "", new Date(played.started_at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })),
        element("span", "", [played.artist, played.title].filter(Boolean).join(" - ")),
      );
      return row;
    }));
  }
  $("past").hidden = before.length === 0;
}

/// Keeps a track that has begun.
function note(stream) {
  const played = past.get(stream.route) ?? [];
  if (!stream.started_at || played.at(-1)?.started_at === stream.started_at) return;
  const { title, artist, duration_seconds, started_at } = stream;
  past.set(stream.route, [...played.slice(-100), { title, artist, duration_seconds, started_at }]);
}

/// Asks for the whole history of the station that is shown, once for each of its tracks.
async function learn() {
  const stream = current();
  const latest = stream && `${stream.route} ${stream.started_at}`;
  if (!stream || latest === known) return;
  known = latest;
  try {
    const answer = await fetch(`history?route=${encodeURIComponent(stream.route)}`);
    const { history } = await answer.json();
    if (history?.length) past.set(stream.route, history);
    show();
  } catch {
    // The next track asks again.
  }
}

const events = new EventSource("events");
events.onopen = () => { $("state").textContent = words.air; };
events.onerror = () => { $("state").textContent = words.lost; };
events.onmessage = message => {
  const news = JSON.parse(message.data);
  skew = news.now - Date.now() / 1000;
  burst = news.burst_seconds;
  streams = news.streams;
  streams.forEach(note);
  show();
  learn();
};
window.addEventListener("hashchange", () => {
  if (named() === current()?.route) return;
  selected = named();
  if (isPlaying()) play();
  show();
  learn();
});
setInterval(show, 250);

$("play").addEventListener("click", () => { isPlaying() ? stop() : play(); show(); });
// A station that was restarted is taken up again.
audio.addEventListener("ended", playAgain);
audio.addEventListener("error", playAgain);
audio.addEventListener("playing", () => { failures = 0; });
// The first sound is here: the connection may have taken its time.
audio.addEventListener("loadedmetadata", () => { joinedAt = Date.now() / 1000; });

async function order(path) {
  const headers = { Authorization: `Bearer ${$("key").value}` };
  const stream = current();
  if (!stream) return;
  try {
    const answer = await fetch(address(path, stream.route), { method: "POST", headers });
    const told = await answer.json();
    $("answer").textContent = answer.ok ? words.done : (told.message ?? told.error);
  } catch {
    $("answer").textContent = words.lost;
  }
}
$("previous").addEventListener("click", () => order("prev-track"));
$("next").addEventListener("click", () => order("next-track"));
$("shuffle").addEventListener("click", () => order("shuffle-playlist"));
