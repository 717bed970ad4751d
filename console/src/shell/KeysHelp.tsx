/** What `?` shows: the keyboard map. */
import { Framed } from "../design/lazy";
import { useT } from "../i18n";
import { KEY_MAP } from "./keys";

export function KeysHelp({ open, onClose }: { open: boolean; onClose: () => void }) {
  const t = useT();
  return (
    <Framed open={open} title={t("keys.help")} onClose={onClose}>
      <div className="body">
        <div className="keys">
          {KEY_MAP.map((group) => (
            <section key={group.title}>
              <h3>{t(group.title)}</h3>
              <dl>
                {group.keys.map(([keys, what]) => (
                  <div key={keys} style={{ display: "contents" }}>
                    <dt>
                      {keys.split(" ").map((key) => (
                        <kbd key={key} style={{ marginRight: 3 }}>
                          {key}
                        </kbd>
                      ))}
                    </dt>
                    <dd>{t(what)}</dd>
                  </div>
                ))}
              </dl>
            </section>
          ))}
        </div>
      </div>
    </Framed>
  );
}
