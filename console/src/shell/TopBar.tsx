/** The bar above the page: path and title, search, scope, range, language, theme, account. */
import { Icon } from "../design/Icon";
import { Fit, Foreign } from "../design/parts";
import { visible } from "../design/visible";
import { useT } from "../i18n";
import { useChromeNow } from "./chrome";
import { langOf, setPrefs, themeOf, usePrefs } from "./prefs";
import { RangePicker } from "./RangePicker";
import { ScopePicker } from "./ScopePicker";

interface Props {
  /** How many clusters there are; null while nobody knows. */
  clusters: number | null;
  /** As whom the token speaks; missing while nobody knows. */
  subject: string | undefined;
  onPalette: () => void;
  rangeOpen: boolean;
  onRange: (open: boolean) => void;
}

export function TopBar({ clusters, subject, onPalette, rangeOpen, onRange }: Props) {
  const t = useT();
  const chrome = useChromeNow();
  const prefs = usePrefs();
  const theme = themeOf(prefs);
  const lang = langOf(prefs);
  return (
    <header className="top">
      <div className="crumb">
        {chrome.crumbs}
        <h1 className={chrome.mono ? "mono" : undefined} title={chrome.title}>
          {chrome.mono ? <Fit text={chrome.title} /> : <Foreign text={chrome.title} />}
        </h1>
      </div>
      <button type="button" className="find" onClick={onPalette}>
        <Icon name="search" />
        <span className="grow cut kb">{t("palette.hint")}</span>
        <kbd aria-hidden="true">:</kbd>
        <kbd aria-hidden="true">⌘K</kbd>
      </button>
      <ScopePicker count={clusters} />
      <RangePicker open={rangeOpen} onOpen={onRange} />
      <span className="sep" />
      <button
        type="button"
        className="pick"
        aria-label={`${lang === "zh" ? "中文" : "EN"}: ${t("lang.switch")}`}
        onClick={() => setPrefs({ lang: lang === "zh" ? "en" : "zh" })}
      >
        <span className="small">{lang === "zh" ? "中文" : "EN"}</span>
      </button>
      <button
        type="button"
        className="pick"
        aria-label={t(theme === "dark" ? "theme.toLight" : "theme.toDark")}
        onClick={() => setPrefs({ theme: theme === "dark" ? "light" : "dark" })}
      >
        <Icon name={theme === "dark" ? "sun" : "moon"} />
      </button>
      {subject === undefined ? null : (
        <span className="account" title={`${t("account.is")} ${visible(subject, 200)}`}>
          <span className="vh">{t("account.is")} </span>
          <Foreign text={subject} most={60} />
        </span>
      )}
    </header>
  );
}
