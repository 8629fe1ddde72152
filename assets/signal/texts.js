// The page's words, in the browser's language.

const ENGLISH = {
  user: "User id", room: "Room id", key: "Key or token, if asked for", join: "Join", leave: "Leave", users: "In the room",
  calls: "Calls", log: "Log", copy: "Copy", copied: "Copied", you: "you", nobody: "Join a room to see who is there.",
  camera: "Call with camera", data: "Open a data channel", hangUp: "Hang up", send: "Send", message: "Message",
  connected: "connected", connecting: "connecting", away: "not connected", connectionState: "Connection", ice: "ICE",
  pair: "Path", channel: "Data channel",
};

const CHINESE = {
  user: "用户 ID", room: "房间 ID", key: "密钥或令牌（如需要）", join: "加入", leave: "离开", users: "房间成员", calls: "通话",
  log: "日志", copy: "复制", copied: "已复制", you: "你", nobody: "加入房间后可见成员。", camera: "视频通话",
  data: "打开数据通道", hangUp: "挂断", send: "发送", message: "消息", connected: "已连接", connecting: "正在连接",
  away: "未连接", connectionState: "连接", ice: "ICE", pair: "路径", channel: "数据通道",
};

const isChinese = navigator.language.startsWith("zh");
export const language = isChinese ? "zh" : "en";
export const texts = isChinese ? CHINESE : ENGLISH;
