import { useState, type ReactNode } from 'react';
import { useAction } from '../api';
import { Confirm, Facts, Field } from '../ui/kit';
import { renewalTexts } from './renewalTexts';

/** A dialog in which an operator chooses what happened, or what should happen, and states the reason for the audit log. */
export function Decide({
  title,
  text,
  choices,
  about,
  disabled,
  children,
  send,
  onClose,
}: {
  title: string;
  text: string;
  /** What it is about. */
  about: [string, ReactNode][];
  choices: [string, string][];
  disabled?: (choice: string) => boolean;
  /** More fields for the choice. */
  children?: (choice: string) => ReactNode;
  send: (choice: string, reason: string) => Promise<void>;
  onClose: () => void;
}) {
  const [choice, setChoice] = useState(choices[0]![0]);
  const [reason, setReason] = useState('');
  const action = useAction();
  return (
    <Confirm
      open
      title={title}
      text={text}
      go={choices.find(([key]) => key === choice)![1]}
      busy={action.busy}
      problem={action.problem}
      disabled={!reason.trim() || disabled?.(choice)}
      onClose={onClose}
      onGo={() => void action.run(() => send(choice, reason.trim())).then((done) => done && onClose())}
    >
      <Facts rows={about} />
      <Choices name={title} value={choice} options={choices} onChange={setChoice} />
      {children?.(choice)}
      <Field label={renewalTexts.note} value={reason} onChange={setReason} max={500} />
    </Confirm>
  );
}

export function Choices({
  name,
  value,
  options,
  onChange,
}: {
  name: string;
  value: string;
  options: [string, string][];
  onChange: (value: string) => void;
}) {
  return (
    <div role="radiogroup" aria-label={name}>
      {options.map(([key, label]) => (
        <label className="check" key={key}>
          <input type="radio" name={name} checked={value === key} onChange={() => onChange(key)} />
          {label}
        </label>
      ))}
    </div>
  );
}
