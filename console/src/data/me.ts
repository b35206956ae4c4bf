/** Who is signed in, and what they may do. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { get, post, Problem } from "./http";
import type { LinkInfo, Me } from "./types";

const KEY = ["me"] as const;

/** The signed-in person; null when nobody is. */
export function useMe() {
  return useQuery({
    queryKey: KEY,
    queryFn: async ({ signal }): Promise<Me | null> => {
      try {
        return await get<Me>("/me", {}, signal);
      } catch (failure) {
        if (failure instanceof Problem && failure.status === 401) return null;
        throw failure;
      }
    },
    staleTime: 60_000,
  });
}

/** Whether a permission is held in a namespace, or, without one, anywhere. */
export function holds(me: Me | null | undefined, permission: string, namespace?: string): boolean {
  const places = me?.permissions[permission] ?? [];
  return namespace === undefined ? places.length > 0 : places.includes("*") || places.includes(namespace);
}

/** The server checks again; this only keeps controls away that could but refuse. */
export function useMay(): (permission: string, namespace?: string) => boolean {
  const me = useMe().data;
  return (permission, namespace) => holds(me, permission, namespace);
}

/** Who it is, as shown: `user:basis-1` is `basis-1`, `team:storage` is `team storage`, `token:ci` is `token ci`. */
export function nameOf(actor: string | null | undefined): string {
  return actor ? actor.replace(/^user:/, "").replace(/^(team|token):/, "$1 ") : "";
}

/** A text of the server's with those in it as they are shown: `token:ci paused it` is `token ci paused it`. */
export function withNames(text: string): string {
  return text.replaceAll(/(?<![\w:/.-])(?:user|team|token):[\w.-]*\w/g, nameOf);
}

export function useSignIn() {
  const client = useQueryClient();
  return useMutation<Me, Error, { username: string; password: string; link?: string }>({
    mutationFn: ({ link, username, password }) =>
      link
        ? post(`/links/${encodeURIComponent(link)}`, username === "" ? { password } : { username, password })
        : post("/sign-in", { username, password }),
    onSuccess: () => client.resetQueries(),
  });
}

export function useSignOut() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => post("/sign-out"),
    onSettled: () => {
      client.clear();
      window.location.assign("/sign-in");
    },
  });
}

/** What a one-time link is for; looking does not use it up. */
export function useLink(link: string | undefined) {
  return useQuery({
    queryKey: ["link", link],
    queryFn: ({ signal }) => get<LinkInfo>(`/links/${encodeURIComponent(link ?? "")}`, {}, signal),
    enabled: link !== undefined,
    retry: false,
  });
}
