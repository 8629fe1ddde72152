// What the page says, in English and Chinese, by the browser's language.

const ENGLISH = {
  skip: "Skip to the rooms", rooms: "Rooms", room: "Room", device: "Device", devices: "devices", target: "To device (empty: everybody)",
  content: "Message: text, or a JSON object", send: "Send a message", sendNow: "Send", sent: "The message is kept and on its way.",
  messages: "Messages", type: "Type", any: "any", broadcast: "broadcast", direct: "direct", since: "From", until: "Until",
  search: "Search", more: "More", perMinute: "Messages per minute", kick: "Disconnect", close: "Close",
  kicked: "Connections closed: ", keyNeeded: "This console is behind a key", key: "Key", open: "Open",
  clients: "Clients", spool: "Waiting for the database", dead: "Dead letters", database: "Database", up: "up", down: "away",
  writes: "Takes messages", yes: "yes", no: "no", nobody: "No device is connected.", nothing: "No messages match.",
  noHistory: "No connections are known.", connected: "Connected", disconnected: "Ended", address: "Address", identity: "Identity",
  still: "still connected", time: "Time", from: "From", to: "To", everybody: "everybody", lost: "The server does not answer; trying again.",
  last: "last hour", most: "at most", aMinute: "a minute",
};

const CHINESE = {
  skip: "跳到房间列表", rooms: "房间", room: "房间", device: "设备", devices: "台设备", target: "目标设备（留空为所有设备）",
  content: "消息：文本或 JSON 对象", send: "发送消息", sendNow: "发送", sent: "消息已保存，正在送达。",
  messages: "消息", type: "类型", any: "全部", broadcast: "广播", direct: "定向", since: "起始时间", until: "截止时间",
  search: "搜索", more: "更多", perMinute: "每分钟消息数", kick: "断开连接", close: "关闭",
  kicked: "已断开的连接数：", keyNeeded: "此控制台需要密钥", key: "密钥", open: "进入",
  clients: "客户端", spool: "等待写入数据库", dead: "死信", database: "数据库", up: "正常", down: "不可用",
  writes: "可接收消息", yes: "是", no: "否", nobody: "没有设备在线。", nothing: "没有符合条件的消息。",
  noHistory: "没有连接记录。", connected: "连接时间", disconnected: "断开时间", address: "地址", identity: "身份",
  still: "仍在线", time: "时间", from: "发送者", to: "接收者", everybody: "所有设备", lost: "服务器没有响应，正在重试。",
  last: "最近一小时", most: "最高", aMinute: "条/分钟",
};

export const isChinese = navigator.language.toLowerCase().startsWith("zh");
const texts = isChinese ? CHINESE : ENGLISH;

export const text = (name) => texts[name];

export function translatePage() {
  document.documentElement.lang = isChinese ? "zh" : "en";
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
}

export const moment = (iso) => new Date(iso).toLocaleString(navigator.language, { dateStyle: "short", timeStyle: "medium" });
