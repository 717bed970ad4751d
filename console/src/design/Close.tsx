/** The way out of what was opened beside the page: its sign, and Escape. */
import { useRef } from "react";
import { useT } from "../i18n";
import { listIn, useKeys } from "../shell/keys";
import { Icon } from "./Icon";

export function Close({ onClose, atEnd }: { onClose: () => void; atEnd?: boolean }) {
  const t = useT();
  const button = useRef<HTMLButtonElement>(null);
  const close = () => {
    // The focus would go with what it is in: it goes to the list beside it.
    const pane = button.current?.closest("aside, .logmore");
    if (pane?.contains(document.activeElement)) listIn(pane.parentElement, pane)?.focus();
    onClose();
  };
  useKeys({ Escape: () => close() });
  return (
    <button
      type="button"
      className={atEnd ? "btn bare sm icon end" : "btn bare sm icon"}
      aria-label={t("action.close")}
      ref={button}
      onClick={close}
    >
      <Icon name="close" />
    </button>
  );
}
