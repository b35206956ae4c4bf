/** Who is signed in, and what they may do. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { get, post, Problem } from "./http";

export interface Binding {
  role: string;
  namespace: string;
}

export interface Me {
  actor: string;
  user?: string | null;
  bindings: Binding[];
  /** Permission to the namespaces in which it is held; `*` is every one. */
  permissions?: Record<string, string[]> | string[];
  namespaces?: string[];
}

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
  const held = me?.permissions;
  if (held === undefined) return false;
  if (Array.isArray(held)) return held.includes(permission) || held.includes("*");
  const places = [...(held[permission] ?? []), ...(held["*"] ?? [])];
  return namespace === undefined ? places.length > 0 : places.includes("*") || places.includes(namespace);
}

/** The server checks again; this only keeps controls away that could but refuse. */
export function useMay(): (permission: string, namespace?: string) => boolean {
  const me = useMe().data;
  return (permission, namespace) => holds(me, permission, namespace);
}

/** A person's name as shown: `user:basis-1` is `basis-1`. */
export function nameOf(actor: string | null | undefined): string {
  if (!actor) return "";
  return actor.startsWith("user:") ? actor.slice(5) : actor;
}

export function useSignIn() {
  const client = useQueryClient();
  return useMutation<unknown, Error, { username: string; password: string; link?: string }>({
    mutationFn: ({ link, ...credentials }) =>
      link ? post(`/links/${encodeURIComponent(link)}`, credentials) : post("/sign-in", credentials),
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
