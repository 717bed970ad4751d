/** An address that is no page. */
import { Link } from "@tanstack/react-router";
import { Empty } from "../design/states";
import { useT } from "../i18n";
import { useChrome } from "./chrome";

export function NotFound() {
  const t = useT();
  useChrome({ title: t("notFound.title"), copies: { cli: "beidou --help" }, cost: null });
  return (
    <Empty title={t("notFound.title")}>
      <p>
        <Link to="/">{t("nav.fleet")}</Link>
      </p>
    </Empty>
  );
}
