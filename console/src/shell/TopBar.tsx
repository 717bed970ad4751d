/** The bar above the page: path and title, search, scope, range, language, theme. */
import { Icon } from "../design/Icon";
import { Fit, Foreign } from "../design/parts";
import { useT } from "../i18n";
import { useChromeNow } from "./chrome";
import { langOf, setPrefs, themeOf, usePrefs } from "./prefs";
import { RangePicker } from "./RangePicker";
import { ScopePicker } from "./ScopePicker";

interface Props {
  /** How many clusters there are; null while nobody knows. */
  clusters: number | null;
  onPalette: () => void;
  rangeOpen: boolean;
  onRange: (open: boolean) => void;
}

export function TopBar({ clusters, onPalette, rangeOpen, onRange }: Props) {
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
    </header>
  );
}
