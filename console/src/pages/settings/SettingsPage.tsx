/** Settings: how this browser shows the console, what is saved on the server, and who answers. */
import "./settings.css";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { get, remove } from "../../api/client";
import { queries, ready, space } from "../../api/questions";
import { setToken, token } from "../../api/token";
import type { QueryItem, RunningList } from "../../api/types";
import { Glyph, Icon } from "../../design/Icon";
import { bytes, group } from "../../design/number";
import { Foreign, Segment, Twice } from "../../design/parts";
import { Failed, Loading } from "../../design/states";
import { toast } from "../../design/toast";
import { useT } from "../../i18n";
import { asked, isSql, opening } from "../../query/saved";
import { useChrome } from "../../shell/chrome";
import { shell } from "../../shell/command";
import { setPrefs, usePrefs } from "../../shell/prefs";
import { common, useView } from "../../shell/view";
import { BROWSER_ZONE, full } from "../../time/format";

export function Page() {
  const t = useT();
  useChrome({ title: t("nav.settings"), copies: { cli: "beidou context", api: shell(["curl", `${location.origin}/readyz`]) }, cost: null });
  return (
    <div className="settings scroll grow" tabIndex={0} role="group" aria-label={t("nav.settings")}>
      <Look />
      <Access />
      <Saved />
      <RunningNow />
      <About />
    </div>
  );
}

function Look() {
  const t = useT();
  const prefs = usePrefs();
  const view = useView();
  return (
    <section>
      <h2>{t("set.look")}</h2>
      <div className="line">
        <span>{t("set.theme")}</span>
        <Segment
          label={t("set.theme")}
          value={prefs.theme}
          onChange={(theme) => setPrefs({ theme })}
          choices={[
            { value: "system", label: t("set.system") },
            { value: "light", label: t("set.light") },
            { value: "dark", label: t("set.dark") },
          ]}
        />
      </div>
      <div className="line">
        <span>{t("set.lang")}</span>
        <Segment
          label={t("set.lang")}
          value={prefs.lang}
          onChange={(lang) => setPrefs({ lang })}
          choices={[
            { value: "system", label: t("set.system") },
            { value: "en", label: "English" },
            { value: "zh", label: "中文" },
          ]}
        />
      </div>
      <div className="line">
        <span>{t("set.density")}</span>
        <Segment
          label={t("set.density")}
          value={prefs.density}
          onChange={(density) => setPrefs({ density })}
          choices={[
            { value: "compact", label: t("set.compact") },
            { value: "normal", label: t("set.normal") },
            { value: "comfortable", label: t("set.comfortable") },
          ]}
        />
      </div>
      <div className="line">
        <span>{t("time.zone")}</span>
        <Segment
          label={t("time.zone")}
          value={view.zone === "UTC" ? "UTC" : "local"}
          onChange={(zone) => view.set({ tz: zone === "UTC" ? "UTC" : "" })}
          choices={[
            { value: "local", label: BROWSER_ZONE === "UTC" ? t("time.local") : BROWSER_ZONE },
            { value: "UTC", label: "UTC" },
          ]}
        />
      </div>
      <div className="line">
        <span>{t("set.nav")}</span>
        <Segment
          label={t("set.nav")}
          value={prefs.folded ? "folded" : "open"}
          onChange={(value) => setPrefs({ folded: value === "folded" })}
          choices={[
            { value: "open", label: t("set.open") },
            { value: "folded", label: t("set.folded") },
          ]}
        />
      </div>
      <div className="line">
        <span>{t("set.letters")}</span>
        <Segment
          label={t("set.letters")}
          value={prefs.letters ? "on" : "off"}
          onChange={(value) => setPrefs({ letters: value === "on" })}
          choices={[
            { value: "on", label: t("set.lettersOn") },
            { value: "off", label: t("set.lettersOff") },
          ]}
        />
        <span className="small dim cut">{t("set.lettersHint")}</span>
      </div>
    </section>
  );
}

function Access() {
  const t = useT();
  const [value, setValue] = useState("");
  const has = token() !== null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setToken(value);
    setValue("");
    toast(t("set.tokenSet"));
  };
  return (
    <section>
      <h2>{t("set.access")}</h2>
      <p className="dim">{has ? t("set.tokenHas") : t("set.tokenNone")}</p>
      <form className="row" onSubmit={submit}>
        <input
          className="in mono grow"
          type="password"
          autoComplete="off"
          aria-label={t("gate.token")}
          placeholder={t("gate.token")}
          value={value}
          onChange={(event) => setValue(event.target.value)}
        />
        <button type="submit" className="btn" disabled={value.trim() === ""}>
          {t("set.tokenReplace")}
        </button>
        <button type="button" className="btn" disabled={!has} onClick={() => setToken(null)}>
          {t("set.tokenForget")}
        </button>
      </form>
    </section>
  );
}

function Saved() {
  const t = useT();
  const view = useView();
  const client = useQueryClient();
  const list = useQuery(queries());
  const drop = useMutation({
    mutationFn: (name: string) => remove(`/api/v1/queries/${encodeURIComponent(name)}`),
    onSuccess: () => void client.invalidateQueries({ queryKey: queries().queryKey.slice(0, 1) }),
  });
  return (
    <section>
      <h2>{t("palette.saved")}</h2>
      {list.isPending ? <Loading rows={3} /> : null}
      {list.isError ? <Failed error={list.error} what={t("palette.saved")} retry={() => void list.refetch()} /> : null}
      {drop.isError ? <Failed error={drop.error} what={t("palette.saved")} /> : null}
      {list.data?.items.length === 0 ? <p className="dim">{t("set.noSaved")}</p> : null}
      {list.data?.items.map((item) => (
        <div key={item.name} className="line">
          <Saying item={item} />
          <span className="mono dim cut grow">
            <Foreign text={asked(item)} most={200} />
          </span>
          <span className="dim small nowrap">
            {item.subject} · {full(Date.parse(item.time), view.zone)}
          </span>
          <Twice
            className="btn sm bare"
            label={t("set.delete", { name: item.name })}
            sure={t("drafts.sure")}
            onDo={() => drop.mutate(item.name)}
          >
            <Icon name="close" />
          </Twice>
        </div>
      ))}
    </section>
  );
}

/** Its name, which opens it. */
function Saying({ item }: { item: QueryItem }) {
  const { search } = useView();
  const { to, params, search: own } = opening(item, common(search));
  return (
    <Link to={to} params={params as never} search={own as never} className="row tight cut">
      <Icon name={isSql(item) ? "sql" : "events"} />
      <Foreign text={item.name} most={100} />
    </Link>
  );
}

function RunningNow() {
  const t = useT();
  const client = useQueryClient();
  const list = useQuery({
    queryKey: ["running", "list"],
    queryFn: ({ signal }) => get<RunningList>("/api/v1/running", {}, signal),
    refetchInterval: 3000,
  });
  const stop = useMutation({
    mutationFn: (id: string) => remove(`/api/v1/running/${id}`),
    onSuccess: () => void client.invalidateQueries({ queryKey: ["running"] }),
  });
  return (
    <section>
      <h2>{t("set.running")}</h2>
      {list.isError ? <Failed error={list.error} what={t("set.running")} /> : null}
      {stop.isError ? <Failed error={stop.error} what={t("sql.cancel")} /> : null}
      {list.data?.items.length === 0 ? <p className="dim">{t("set.nothingRuns")}</p> : null}
      {list.data?.items.map((item) => (
        <div key={item.id} className="line">
          <Glyph name="run" label={item.kind} />
          <span className="mono cut grow">
            <Foreign text={item.query} most={200} />
          </span>
          <span className="dim small">{item.progress ? group(item.progress.rows_read) : ""}</span>
          <button type="button" className="btn sm" onClick={() => stop.mutate(item.id)}>
            {t("sql.cancel")}
          </button>
        </div>
      ))}
    </section>
  );
}

function About() {
  const t = useT();
  const state = useQuery({ ...ready(), refetchInterval: 15_000 });
  const disk = useQuery(space());
  return (
    <section>
      <h2>{t("set.about")}</h2>
      {state.isError ? <Failed error={state.error} what="readyz" /> : null}
      <dl className="dl">
        {Object.entries((state.isError ? undefined : state.data?.parts) ?? {}).map(([name, text]) => (
          <div key={name} style={{ display: "contents" }}>
            <dt>{name}</dt>
            <dd className="row tight">
              <Glyph name={text === "ready" ? "ok" : "warn"} />
              {text === "ready" ? t("set.ready") : <Foreign text={text} most={300} />}
            </dd>
          </div>
        ))}
        {disk.data ? (
          <>
            <dt>{t("set.tables")}</dt>
            <dd>{bytes(disk.data.tables.reduce((sum, table) => sum + table.bytes, 0))}</dd>
            <dt>{t("set.archive")}</dt>
            <dd>{disk.data.archive ? bytes(disk.data.archive.bytes) : (disk.data.archive_unknown ?? "–")}</dd>
            <dt>{t("set.log")}</dt>
            <dd>{bytes(disk.data.log.reduce((sum, topic) => sum + topic.bytes, 0))}</dd>
          </>
        ) : null}
        <dt>API</dt>
        <dd>
          <a href="/openapi.json">openapi.json</a> · <a href="/api/reference">{t("set.reference")}</a>
        </dd>
      </dl>
    </section>
  );
}
