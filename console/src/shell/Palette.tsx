/** The palette: objects found on the server, pages and actions, saved queries. Enter opens; nothing here changes anything. */
import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useId, useState } from "react";
import { Dialog, Modal, ModalOverlay } from "react-aria-components";
import { costOf } from "../api/client";
import { Icon } from "../design/Icon";
import { Fit, Foreign } from "../design/parts";
import { StaleNote } from "../design/states";
import { visible } from "../design/visible";
import { useT } from "../i18n";
import { useDelayed } from "../operation/useDelayed";
import { duration } from "../time/format";
import { type Choice, useChoices } from "./choices";
import { type Command, type Part, readCommand } from "./palette";
import { useView } from "./view";

/** So long nobody has typed before the server is asked. */
const TYPING_MS = 120;

export function Palette({ open, start, onClose, onHelp }: { open: boolean; start: string; onClose: () => void; onHelp: () => void }) {
  const t = useT();
  return (
    <ModalOverlay className="veil" isOpen={open} onOpenChange={(now) => (now ? undefined : onClose())} isDismissable>
      <Modal className="modal">
        <Dialog className="palette" aria-label={t("palette.title")}>
          {open ? <Body start={start} onClose={onClose} onHelp={onHelp} /> : null}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

function Body({ start, onClose, onHelp }: { start: string; onClose: () => void; onHelp: () => void }) {
  const t = useT();
  const id = useId();
  const navigate = useNavigate();
  const view = useView();
  const [input, setInput] = useState(start);
  const [at, setAt] = useState(0);
  // Enter obeys what stands in the field at that moment; only the server is asked a little later.
  const command: Command = readCommand(input);
  const settled = useDelayed(input, TYPING_MS) === input;
  const { groups, objects, failed } = useChoices(command, settled, { view, navigate, onHelp, t });
  const flat = groups.flatMap((group) => group.items);
  const chosen = Math.min(at, flat.length - 1);
  const act = (choice: Choice | undefined) => {
    if (!choice) return;
    if (choice.complete) {
      setInput(choice.complete);
      setAt(0);
      return;
    }
    onClose();
    choice.act?.();
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      setAt((chosen + step + flat.length) % Math.max(1, flat.length));
    } else if (event.key === "Enter") {
      event.preventDefault();
      act(flat[chosen]);
    } else if (event.key === "Tab" && flat[chosen]?.word) {
      event.preventDefault();
      setInput(`${flat[chosen].word} `);
    }
  };
  let place = -1;
  return (
    <>
      <div className="q">
        <Icon name="search" />
        <input
          // biome-ignore lint/a11y/noAutofocus: the dialog opens to be typed into
          autoFocus
          role="combobox"
          aria-expanded="true"
          aria-controls={`${id}-list`}
          aria-activedescendant={flat[chosen] ? `${id}-${chosen}` : undefined}
          aria-label={t("palette.open")}
          spellCheck={false}
          autoComplete="off"
          value={input}
          placeholder={t("palette.placeholder")}
          onChange={(event) => {
            setInput(event.target.value);
            setAt(0);
          }}
          onKeyDown={keys}
        />
        <span className="small dim nowrap">
          {objects.data
            ? t("palette.searched", { ms: duration(costOf(objects.data)?.totalMs ?? 0, t) })
            : objects.isFetching
              ? t("state.loading")
              : ""}
        </span>
      </div>
      <div className="list" role="listbox" id={`${id}-list`} aria-label={t("palette.results")}>
        {groups.map((group) =>
          group.items.length === 0 ? null : (
            <div key={group.title} role="group" aria-label={group.title}>
              <div className="group" aria-hidden="true">
                {group.title}
              </div>
              {group.items.map((item) => {
                place += 1;
                const mine = place;
                return (
                  // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the combobox
                  <div
                    key={item.key}
                    id={`${id}-${mine}`}
                    role="option"
                    aria-selected={mine === chosen}
                    className={mine === chosen ? "it on" : "it"}
                    onMouseMove={() => setAt(mine)}
                    onClick={() => act(item)}
                  >
                    <Icon name={item.icon} />
                    {item.word ? <span className="mono w">{item.word}</span> : null}
                    {item.parts ? (
                      <span className="mono fit">
                        <Marked parts={item.parts.filter((part) => !part.tail)} />
                        <Marked parts={item.parts.filter((part) => part.tail)} />
                      </span>
                    ) : null}
                    <Fit className={item.parts ? "dim" : ""} text={item.label} />
                    <span className="end">{visible(item.hint ?? "", 300)}</span>
                  </div>
                );
              })}
            </div>
          ),
        )}
        <StaleNote
          since={null}
          error={failed?.error}
          what={t("palette.objects")}
          {...(failed ? { retry: () => void failed.refetch() } : {})}
        />
        {flat.length === 0 && !failed ? (
          <p className="dim" style={{ padding: 12 }}>
            {objects.isFetching ? t("state.loading") : t("palette.none")}
          </p>
        ) : null}
      </div>
      <div className="ft">
        <span>
          <kbd>↵</kbd> {t("keys.open")}
        </span>
        <span>
          <kbd>⇥</kbd> {t("palette.complete")}
        </span>
        <span>
          <kbd>@</kbd> {t("palette.cluster")}
        </span>
        <span>
          <kbd>/</kbd> {t("palette.regex")}
        </span>
        <span>
          <kbd>!</kbd> {t("palette.not")}
        </span>
        <span>
          <kbd>-l</kbd> {t("palette.label")}
        </span>
        <span className="end">
          <kbd>esc</kbd>
        </span>
      </div>
    </>
  );
}

function Marked({ parts }: { parts: readonly Part[] }) {
  return (
    <span>
      {parts.map((part, n) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: parts of one name in their order
        <Foreign key={n} className={part.hit ? "hit" : ""} text={part.text} />
      ))}
    </span>
  );
}
