import { Translate } from "translate";

import { errorOf, key, tell, url } from "./task.js";

const connect = (apiKey) => Translate({ engine: "libre", url: `${url}/translate`, key: apiKey });
const translate = connect(key);

tell({
  arabic: await translate("a cat on a blue background", { from: "en", to: "ar" }),
  english: await translate("قطة على خلفية زرقاء", { from: "Arabic", to: "English" }),
  errors: {
    key: await errorOf(connect("a wrong key")("a cat", { from: "en", to: "ar" })),
    language: await errorOf(translate("a cat", { from: "en", to: "fr" })),
  },
});
