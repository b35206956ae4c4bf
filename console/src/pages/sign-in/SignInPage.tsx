/** Signing in: with a password, or with a one-time link that sets one. */
import { PasswordInput, TextInput } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { useLink, useSignIn } from "../../data/me";
import { Brand } from "../../parts/Icon";
import { ErrorState, Loading } from "../../parts/states";
import { useFilters } from "../../shell/filters";

/** Only addresses within the console are gone back to. */
function inside(back: string | undefined): string {
  return back !== undefined && /^\/(?![/\\])/.test(back) ? back : "/";
}

export default function SignInPage() {
  const [filters] = useFilters();
  const link = filters["link"];
  const info = useLink(link);
  const signIn = useSignIn();
  const navigate = useNavigate();
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const first = info.data?.purpose === "first_admin";
  const choosing = link !== undefined;
  const named = info.data?.user ?? null;

  return (
    <main className="center-stage">
      <div className="sign-in">
        <div className="brand"><Brand /><span>OnCue</span></div>
        {choosing && info.isPending ? <Loading what="your link" /> : choosing && info.error ? (
          <>
            <ErrorState error={info.error} />
            <button type="button" className="btn" onClick={() => void navigate({ to: "/sign-in", search: {} })}>Sign in with a password</button>
          </>
        ) : (
          <form
            onSubmit={(event) => {
              event.preventDefault();
              signIn.mutate(
                { username: named ? "" : username.trim(), password, ...(link ? { link } : {}) },
                { onSuccess: () => void navigate({ href: inside(filters["back"]), replace: true }) },
              );
            }}
          >
            <div>
              <h1 style={{ font: "600 var(--t-20) var(--font-sans)" }}>{first ? "Welcome: be the first administrator" : choosing ? `Set your password${named ? `, ${named}` : ""}` : "Sign in"}</h1>
              {choosing && <p className="dim">{first ? "Choose the name and password you will sign in with. This link works once." : "This link works once; then you sign in with the password."}</p>}
            </div>
            {!named && <TextInput label="Name" name="username" autoComplete="username" required withAsterisk={false} autoFocus value={username} onChange={(event) => setUsername(event.currentTarget.value)} {...(first ? { description: "Lower-case letters, digits, dots, hyphens" } : {})} />}
            <PasswordInput
              label="Password" name="password" autoComplete={choosing ? "new-password" : "current-password"} required withAsterisk={false} value={password}
              {...(choosing ? { description: "At least 12 characters" } : {})} onChange={(event) => setPassword(event.currentTarget.value)}
            />
            {signIn.error && <ErrorState error={signIn.error} />}
            <button type="submit" className="btn primary" style={{ height: 36 }} disabled={signIn.isPending || password === "" || (!named && username.trim() === "")}>{first ? "Create and sign in" : choosing ? "Set password and sign in" : "Sign in"}</button>
            {!choosing && <p className="t12 dim3">No password yet? Ask an administrator for a link: <span className="mono">oncue user link NAME</span></p>}
          </form>
        )}
      </div>
    </main>
  );
}
