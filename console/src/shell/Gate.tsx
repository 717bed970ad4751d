/** Where the server wants a token and this tab has none, or a wrong one. */
import { type FormEvent, useEffect, useState } from "react";
import { askForToken, setToken } from "../api/token";
import { Logo } from "../design/Icon";
import { useT } from "../i18n";

export function Gate({ detail }: { detail: string }) {
  const t = useT();
  const [value, setValue] = useState("");
  useEffect(askForToken, []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setToken(value);
  };
  return (
    <main className="gate">
      <form onSubmit={submit}>
        <h1 className="brand" style={{ padding: 0, margin: 0, height: 28 }}>
          <Logo />
          Beidou
        </h1>
        <p>{t("gate.text")}</p>
        <label className="field">
          <span>{t("gate.token")}</span>
          <input
            className="in mono"
            type="password"
            autoComplete="off"
            spellCheck={false}
            value={value}
            onChange={(event) => setValue(event.target.value)}
          />
        </label>
        <p className="small dim" role="alert">
          {detail}
        </p>
        <div className="row">
          <span className="small dim grow">{t("gate.kept")}</span>
          <button type="submit" className="btn prime" disabled={value.trim() === ""}>
            {t("gate.open")}
          </button>
        </div>
      </form>
    </main>
  );
}
