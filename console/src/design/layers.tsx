/** What lies over the page: dialogs, popovers, menus, by React Aria. Loaded behind the page: see `lazy.tsx`. */
import type { ReactNode, RefObject } from "react";
import { Dialog, Heading, Menu, MenuItem, Modal, ModalOverlay, Popover } from "react-aria-components";
import { useT } from "../i18n";
import { Icon } from "./Icon";

export interface FramedProps {
  open: boolean;
  title: string;
  onClose: () => void;
  children: ReactNode;
}

/** A dialog over the page: title, a way out, and what stands in it. */
export function Framed({ open, title, onClose, children }: FramedProps) {
  const t = useT();
  return (
    <ModalOverlay className="veil" isOpen={open} onOpenChange={(now) => (now ? undefined : onClose())} isDismissable>
      <Modal className="modal">
        <Dialog>
          <header>
            <Heading slot="title" level={2}>
              {title}
            </Heading>
            <button type="button" className="btn bare sm icon end" aria-label={t("action.close")} onClick={onClose}>
              <Icon name="close" />
            </button>
          </header>
          {children}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

export interface PopProps {
  /** The button that it belongs to. */
  trigger: RefObject<HTMLElement | null>;
  label: string;
  className: string;
  onClose: () => void;
  children: ReactNode;
}

/** A small dialog at its button. */
export function Pop({ trigger, label, className, onClose, children }: PopProps) {
  return (
    <Popover className="pop" triggerRef={trigger} placement="bottom end" isOpen onOpenChange={(now) => (now ? undefined : onClose())}>
      <Dialog className={className} aria-label={label}>
        {children}
      </Dialog>
    </Popover>
  );
}

export interface PopMenuProps {
  trigger: RefObject<HTMLElement | null>;
  label: string;
  items: readonly { id: string; label: string }[];
  onAction: (id: string) => void;
  onClose: () => void;
}

/** A menu at its button. */
export function PopMenu({ trigger, label, items, onAction, onClose }: PopMenuProps) {
  return (
    <Popover
      className="pop"
      aria-label={label}
      triggerRef={trigger}
      placement="right top"
      isOpen
      onOpenChange={(now) => (now ? undefined : onClose())}
    >
      <Menu className="menu" aria-label={label} autoFocus="first" onAction={(key) => onAction(String(key))} onClose={onClose}>
        {items.map((item) => (
          <MenuItem key={item.id} id={item.id} className="it">
            {item.label}
          </MenuItem>
        ))}
      </Menu>
    </Popover>
  );
}
