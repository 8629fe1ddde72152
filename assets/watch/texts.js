// The page's words, in the browser's language.

const count = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

const ENGLISH = {
  key: "The admin key", signIn: "Sign in", signOut: "Sign out", wrongKey: "That is not the key.",
  away: "The server does not answer; trying again.", lastHour: "The last hour", rooms: "Rooms", bans: "Banned addresses",
  noRooms: "Nobody is watching anything.", noBans: "Nobody is banned.", members: "Members", chats: "Chats a minute",
  events: "Events a minute", close: "Close room", banner: "Banner", kick: "Kick", ban: "Ban", lift: "Lift", owner: "owner",
  ownerAway: "owner away", password: "password", hidden: "hidden", cancel: "Cancel", confirm: "Confirm", nothing: "nothing on the screen",
  askClose: "Close this room for everybody?", askBanner: "What should everybody in the room read?",
  askKick: "Disconnect this member?", askBan: "Keep this address out for how many minutes?", until: "until",
  summary: (rooms, members, connected) => `${count(rooms, "room")}, ${count(members, "member")}, ${connected} connected`,
  since: ({ roomsCreated, joins, chats }) =>
    `${count(roomsCreated, "room")}, ${count(joins, "join")} and ${count(chats, "chat")} since the start`,
};

const CHINESE = {
  key: "管理密钥", signIn: "登录", signOut: "退出", wrongKey: "密钥不正确。",
  away: "服务器没有响应，正在重试。", lastHour: "最近一小时", rooms: "房间", bans: "已封禁的地址",
  noRooms: "目前没有房间。", noBans: "没有被封禁的地址。", members: "成员", chats: "每分钟聊天", events: "每分钟事件",
  close: "关闭房间", banner: "横幅", kick: "踢出", ban: "封禁", lift: "解除", owner: "房主", ownerAway: "房主离开",
  password: "有密码", hidden: "未公开", cancel: "取消", confirm: "确定", nothing: "没有播放内容",
  askClose: "为所有人关闭此房间？", askBanner: "要向房间里的所有人显示什么？", askKick: "断开此成员？",
  askBan: "禁止此地址多少分钟？", until: "至",
  summary: (rooms, members, connected) => `${rooms} 个房间，${members} 名成员，${connected} 个连接`,
  since: (totals) => `启动以来 ${totals.roomsCreated} 个房间，${totals.joins} 次加入，${totals.chats} 条聊天`,
};

const isChinese = navigator.language.startsWith("zh");
export const language = isChinese ? "zh" : "en";
export const texts = isChinese ? CHINESE : ENGLISH;
