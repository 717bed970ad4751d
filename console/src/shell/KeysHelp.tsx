/** What `?` shows: the keys that work on this page. */
import { Dialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { Icon } from "../design/Icon";
import { useT } from "../i18n";
import { KEY_MAP, working } from "./keyMap";
import { obeyed } from "./keys";

export function KeysHelp({ open, onClose }: { open: boolean; onClose: () => void }) {
  const t = useT();
  const isThere = (selector: string) => document.querySelector(selector) !== null;
  const groups = open ? working(KEY_MAP, obeyed(), isThere) : [];
  return (
    <ModalOverlay className="veil" isOpen={open} onOpenChange={(now) => (now ? undefined : onClose())} isDismissable>
      <Modal className="modal">
        <Dialog>
          <header>
            <Heading slot="title" level={2}>
              {t("keys.help")}
            </Heading>
            <button type="button" className="btn bare sm icon end" aria-label={t("action.close")} onClick={onClose}>
              <Icon name="close" />
            </button>
          </header>
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
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
