/** Reading the API's lists: page by page for tables, one page for cards. */
import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";

import { get, type Page, type Query } from "./http";

export const PAGE_SIZE = 100;

export interface ListResult<T> {
  items: T[];
  isLoading: boolean;
  error: Error | null;
  more: boolean;
  loadMore: () => void;
  isLoadingMore: boolean;
  retry: () => void;
}

/** A list that grows as it is scrolled. */
export function useList<T>(resource: string, query: Query, options: { path?: string; refetchInterval?: number | false } = {}): ListResult<T> {
  const result = useInfiniteQuery({
    queryKey: [resource, "list", query],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      get<Page<T>>(options.path ?? `/${resource}`, { limit: PAGE_SIZE, ...query, cursor: pageParam }, signal),
    getNextPageParam: (last) => last.next,
    placeholderData: keepPreviousData,
    refetchInterval: options.refetchInterval ?? false,
  });
  return {
    items: result.data?.pages.flatMap((page) => page.items) ?? [],
    isLoading: result.isPending,
    error: result.data === undefined ? result.error : null,
    more: result.hasNextPage,
    loadMore: () => {
      if (!result.isFetchingNextPage) void result.fetchNextPage();
    },
    isLoadingMore: result.isFetchingNextPage,
    retry: () => void result.refetch(),
  };
}

/** One page of a list, read again when the stream says that something changed. */
export function useShort<T>(resource: string, query: Query = {}, options: { path?: string; refetchInterval?: number; enabled?: boolean } = {}) {
  return useQuery({
    queryKey: [resource, "short", options.path ?? "", query],
    queryFn: ({ signal }) => get<Page<T>>(options.path ?? `/${resource}`, { limit: 100, ...query }, signal),
    placeholderData: keepPreviousData,
    refetchInterval: options.refetchInterval ?? false,
    enabled: options.enabled ?? true,
  });
}

/** One entity, or something that belongs to it (`part`). */
export function useDetail<T>(resource: string, id: string, part = "", options: { enabled?: boolean; query?: Query; refetchInterval?: number } = {}) {
  const path = `/${resource}/${encodeURIComponent(id)}${part === "" ? "" : `/${part}`}`;
  return useQuery({
    queryKey: [resource, "detail", id, part, options.query ?? {}],
    queryFn: ({ signal }) => get<T>(path, options.query ?? {}, signal),
    refetchInterval: options.refetchInterval ?? false,
    enabled: options.enabled ?? true,
  });
}
