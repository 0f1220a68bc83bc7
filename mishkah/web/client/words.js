// The sentences that people see, in the two languages of the house.

/** @param {string} en @param {string} ar @returns {import("./types.js").Text} */
const t = (en, ar) => ({ en, ar });

export const TOO_LARGE = t("This message is too large", "هذه الرسالة أكبر من الحد المسموح");

const CONNECTING = t("Connecting", "جارٍ الاتصال");

/** What a status means for who works here. @type {Record<string, import("./types.js").Text>} */
export const STATES = {
  waiting: t("No connection to the server: all is kept here and sent later", "لا اتصال بالخادم: كل شيء محفوظ هنا ويُرسل لاحقًا"),
  offline: t("This device has no network: all is kept here and sent later", "الجهاز بلا شبكة: كل شيء محفوظ هنا ويُرسل لاحقًا"),
  starting: CONNECTING,
  connecting: CONNECTING,
  "catching up": t("Getting what has changed", "جارٍ جلب ما تغيّر"),
  live: t("Connected", "متصل"),
  full: t("This device can't keep more: keep this page open until all is sent", "الجهاز لا يحفظ المزيد: أبقِ هذه الصفحة مفتوحة حتى يُرسل كل شيء"),
  closed: t("Closed", "مغلق"),
};
