/** What `?` shows: the keys that work on this page. */
import { Framed } from "../design/lazy";
import { useT } from "../i18n";
import { KEY_MAP, working } from "./keyMap";
import { obeyed } from "./keys";

export function KeysHelp({ open, onClose }: { open: boolean; onClose: () => void }) {
  const t = useT();
  const isThere = (selector: string) => document.querySelector(selector) !== null;
  const groups = open ? working(KEY_MAP, obeyed(), isThere) : [];
  return (
    <Framed open={open} title={t("keys.help")} onClose={onClose}>
      <div className="body">
        <div className="keys">
          {groups.map((group) => (
            <section key={group.title}>
              <h3>{t(group.title)}</h3>
              <dl>
                {group.rows.map(({ keys, what }) => (
                  <div key={`${keys}${what}`} style={{ display: "contents" }}>
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
