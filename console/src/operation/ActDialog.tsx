/** The preview of an act: what it does, to how many, with the words that go into the log; nothing happens before it is sent. */
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useRef, useState } from "react";
import { command, newKey, owedBody } from "../api/operations";
import type { CommandAnswer } from "../api/types";
import { Icon } from "../design/Icon";
import { Framed } from "../design/lazy";
import { Foreign } from "../design/parts";
import { Failed } from "../design/states";
import { toast } from "../design/toast";
import { type Key, useT } from "../i18n";
import { ACT_ICON, type Act, bodyOf } from "./acts";
import { Reason } from "./Reason";

interface Props {
  /** Null is closed. */
  act: Act | null;
  /** `/api/v1/operations/{id}`, or of a task. */
  path: string;
  name: string;
  /** What it means here, in numbers. */
  effect: string;
  steps: readonly string[];
  step: string;
  hosts: readonly string[];
  onClose: () => void;
  onDone: (answer: CommandAnswer) => void;
}

const MOST_NAMED = 60;

export function ActDialog(props: Props) {
  const t = useT();
  const { act, onClose } = props;
  return (
    <Framed open={act !== null} title={act ? t(`act.${act}.title` as Key) : ""} onClose={onClose}>
      {act ? <Body key={act} {...props} act={act} /> : null}
    </Framed>
  );
}

function Body({ act, path, name, effect, steps, step: present, hosts, onClose, onDone }: Props & { act: Act }) {
  const t = useT();
  const [why, setWhy] = useState("");
  const [ticket, setTicket] = useState("");
  const [step, setStep] = useState(present);
  // One key for one opening: pressed twice it is one command.
  const [key] = useState(newKey);
  const send = useMutation({
    mutationFn: (body: object) => command(`${path}/${act}`, body, key),
    onSuccess: (answer) => {
      toast(t(answer.outcome === "followed" ? (`act.${act}.done` as Key) : "act.waiting"));
      onDone(answer);
      onClose();
    },
  });
  const reason = useRef<HTMLInputElement>(null);
  const [told, setTold] = useState(false);
  const lacks = why.trim() === "";
  const sent = owedBody(send);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTold(lacks);
    if (lacks) reason.current?.focus();
    else if (!send.isPending) send.mutate(sent ?? bodyOf(act, { why, ticket, hosts, step }));
  };
  const answers = act === "approve" || act === "reject";
  return (
    <form onSubmit={submit} className="col" noValidate>
      <div className="body">
        <p>
          <b className="medium mono">
            <Foreign text={name} most={120} />
          </b>
        </p>
        <p>{effect}</p>
        {act === "skip" ? (
          <label className="field">
            <span>{t("act.step")}</span>
            <select className="in" value={step} disabled={sent !== undefined} onChange={(event) => setStep(event.target.value)}>
              {steps.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </label>
        ) : null}
        {act === "retry" && hosts.length > 0 ? (
          <p className="small dim mono">
            {hosts.slice(0, MOST_NAMED).join(", ")}
            {hosts.length > MOST_NAMED ? " …" : ""}
          </p>
        ) : null}
        {answers ? (
          <label className="field">
            <span>{t("act.ticket")}</span>
            <input
              className="in mono"
              maxLength={120}
              readOnly={sent !== undefined}
              value={ticket}
              onChange={(event) => setTicket(event.target.value)}
            />
          </label>
        ) : null}
        <Reason why={why} missing={told && lacks} first sent={sent !== undefined} ref={reason} onText={setWhy} />
        {send.isError && sent ? <p className="small dim">{t("act.whySent")}</p> : null}
        {send.isError ? <Failed error={send.error} what={t(`act.${act}` as Key)} /> : null}
      </div>
      <footer>
        <button type="button" className="btn" onClick={onClose}>
          {t("act.leave")}
        </button>
        <button
          type="submit"
          className={act === "cancel" || act === "reject" ? "btn bad" : "btn prime"}
          aria-disabled={lacks || send.isPending}
        >
          <Icon name={ACT_ICON[act]} />
          {t(`act.${act}.confirm` as Key)}
        </button>
      </footer>
    </form>
  );
}
