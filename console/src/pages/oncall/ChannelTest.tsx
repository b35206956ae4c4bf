/** Trying a channel: the message goes out, and what became of it is said. */
import { useTestChannel, useTried } from "../../data/calling";
import { useMay } from "../../data/me";
import { StateMark } from "../../parts/marks";
import { ErrorState } from "../../parts/states";

const WORDS: Record<string, string> = { pending: "Under way", leased: "Under way", retrying: "Tried again", succeeded: "It got through", failed: "It did not get through", unknown: "Nobody knows whether it got through" };

export function ChannelTest({ namespace, name }: { namespace: string; name: string }) {
  const test = useTestChannel();
  const tried = useTried(test.data?.id);
  const may = useMay();
  if (!may("incident:acknowledge", namespace)) return null;
  const state = tried.data?.state ?? "pending";
  return (
    <>
      <button type="button" className="btn small" aria-label={`Test ${name}`} disabled={test.isPending} title="Sends one message by this channel now" onClick={() => test.mutate({ namespace, name })}>Test</button>
      {(test.data !== undefined || test.error) && (
        <span className="tried" role="status">
          {test.error ? <ErrorState error={test.error} />
            : tried.error && !tried.data ? <ErrorState error={tried.error} retry={() => void tried.refetch()} />
            : (
              <>
                <StateMark state={state} text={WORDS[state] ?? state} />
                {tried.data && tried.data.attempt > 1 && <span className="t12 dim3">attempt {tried.data.attempt}</span>}
                {tried.data?.error && <span className={state === "succeeded" ? "t12 dim wrap" : "t12 failure wrap"}>{tried.data.error}</span>}
              </>
            )}
        </span>
      )}
    </>
  );
}
