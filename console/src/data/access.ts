/** People, tokens and secrets. Their lists are whole, and only administrators see them. */
import { useQuery } from "@tanstack/react-query";

import { useCommand } from "./commands";
import { get, patch, post, put, remove, type Page } from "./http";
import type { Binding, Secret, Token, User } from "./types";

export const ROLES = ["viewer", "responder", "operator", "approver", "editor", "admin"] as const;

const useAll = <T>(resource: string) =>
  useQuery({ queryKey: [resource], queryFn: ({ signal }) => get<Page<T>>(`/${resource}`, {}, signal) });

export const useUsers = () => useAll<User>("users");
export const useTokens = () => useAll<Token>("tokens");
export const useSecrets = () => useAll<Secret>("secrets");

const user = (name: string): string => `/users/${encodeURIComponent(name)}`;

export const useCreateUser = () =>
  useCommand((draft: { name: string; kind: string; bindings: Binding[]; email?: string }) => post<User>("/users", draft), ["users"]);
export const useChangeUser = () =>
  useCommand(({ name, ...change }: { name: string; disabled?: boolean; bindings?: Binding[] }) => patch<User>(user(name), change), ["users", "tokens"]);
export const useDeleteUser = () => useCommand(({ name }: { name: string }) => remove(user(name)), ["users", "tokens"]);
export const useUserLink = () =>
  useCommand(({ name }: { name: string }) => post<{ url: string; expires_at: string }>(`${user(name)}/link`), ["users"]);

export interface NewToken {
  name: string;
  scope: string;
  role?: string;
  namespaces: string[];
  expires_in_days?: number;
}

export const useCreateToken = () => useCommand((draft: NewToken) => post<Token & { token: string }>("/tokens", draft), ["tokens"]);
export const useRevokeToken = () => useCommand(({ id }: { id: string }) => remove(`/tokens/${encodeURIComponent(id)}`), ["tokens"]);

const secret = (namespace: string, name: string): string => `/secrets/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;

export const useSetSecret = () =>
  useCommand(({ namespace, name, value }: { namespace: string; name: string; value: string }) => put<Secret>(secret(namespace, name), { value }), ["secrets"]);
export const useDeleteSecret = () =>
  useCommand(({ namespace, name }: { namespace: string; name: string }) => remove(secret(namespace, name)), ["secrets"]);
