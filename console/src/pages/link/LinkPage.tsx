/** A short link: asks which address it stands for, and goes there in its own place. */
import { useQuery } from "@tanstack/react-query";
import { Link, useParams, useRouter } from "@tanstack/react-router";
import { useEffect } from "react";
import { costOf } from "../../api/client";
import { asProblem } from "../../api/problem";
import { link } from "../../api/questions";
import { Empty, Failed, Loading } from "../../design/states";
import { visible } from "../../design/visible";
import { useT } from "../../i18n";
import { useChrome } from "../../shell/chrome";
import { linkCopies } from "../../shell/copies";

export function Page() {
  const t = useT();
  const { id = "" } = useParams({ strict: false }) as { id?: string };
  const { history } = useRouter();
  const found = useQuery(link(id));
  // Until its own answer comes, a question has that of the one before.
  const address = found.data?.id === id ? found.data.address : undefined;
  useEffect(() => {
    if (address !== undefined) history.replace(address);
  }, [address, history]);
  useChrome({ title: t("link.title"), copies: linkCopies(id), cost: costOf(found.data) });
  if (!found.isError) return <Loading rows={1} />;
  if (asProblem(found.error).slug !== "unknown-link")
    return <Failed error={found.error} what={t("link.title")} retry={() => void found.refetch()} />;
  return (
    <Empty title={t("link.unknown", { id: visible(id, 63) })}>
      <p>{t("link.unknownHint")}</p>
      <p>
        <Link to="/">{t("nav.fleet")}</Link>
      </p>
    </Empty>
  );
}
