// The sentences that people see, in the two languages of the house.

/** @typedef {import("./types.js").Text} Text */

/** @param {string} en @param {string} ar @returns {Text} */
const t = (en, ar) => ({ en, ar });

export const TOO_LARGE = t("This message is too large", "هذه الرسالة أكبر من الحد المسموح");
export const NO_ANSWER = t("The server can't be reached now", "لا يمكن الوصول إلى الخادم الآن");
export const CLOSED = t("This database is closed", "قاعدة البيانات هذه مغلقة");
export const NOT_JSON = t("JSON has no such value", "لا توجد في JSON قيمة كهذه");
export const IN_USE = t("A write with this ref is waiting already", "توجد كتابة بهذا المرجع في الانتظار");

export const SIGN_IN = t(
  "Sign in again. What you do is kept here and sent then",
  "سجّل الدخول من جديد. ما تعمله محفوظ هنا ويُرسل بعدها",
);

/** What a status means for who works here. @type {Record<string, Text>} */
export const STATES = {
  starting: t("Starting", "جارٍ البدء"),
  waiting: t(
    "No connection to the server. What you do is kept here and sent later",
    "لا اتصال بالخادم. ما تعمله محفوظ هنا ويُرسل لاحقًا",
  ),
  offline: t(
    "This device has no network. What you do is kept here and sent later",
    "لا توجد شبكة على هذا الجهاز. ما تعمله محفوظ هنا ويُرسل لاحقًا",
  ),
  connecting: t("Connecting", "جارٍ الاتصال"),
  "catching up": t("Getting what has changed meanwhile", "جارٍ جلب ما تغيّر في هذه الأثناء"),
  live: t("Connected", "متصل"),
  refused: t("The server does not serve this here", "الخادم لا يقدّم هذا هنا"),
  "signed out": SIGN_IN,
  full: t(
    "This device's storage is full or fails: keep this page open until all is sent",
    "مساحة التخزين في هذا الجهاز ممتلئة أو معطّلة: أبقِ هذه الصفحة مفتوحة حتى يُرسل كل شيء",
  ),
  closed: CLOSED,
};
