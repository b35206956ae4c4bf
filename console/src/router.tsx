/** Addresses and their pages. Every page loads when it is first opened. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet, redirect, retainSearchParams } from "@tanstack/react-router";

import { ErrorState } from "./parts/states";
import type { Search } from "./shell/filters";
import { NotFound, Shell } from "./shell/Shell";

const root = createRootRoute({
  component: Outlet,
  notFoundComponent: NotFound,
  errorComponent: ({ error, reset }) => <div className="center-stage"><ErrorState error={error instanceof Error ? error : new Error(String(error))} retry={reset} /></div>,
  validateSearch: (search: Record<string, unknown>): Search =>
    Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined && value !== "").map(([name, value]) => [name, String(value)])),
  search: { middlewares: [retainSearchParams(["namespace"])] },
});

const signIn = createRoute({ getParentRoute: () => root, path: "/sign-in", component: lazyRouteComponent(() => import("./pages/sign-in/SignInPage")) });
const shell = createRoute({ getParentRoute: () => root, id: "shell", component: Shell });

const now = createRoute({ getParentRoute: () => shell, path: "/", component: lazyRouteComponent(() => import("./pages/now/NowPage")) });
const incidents = createRoute({ getParentRoute: () => shell, path: "/incidents", component: lazyRouteComponent(() => import("./pages/incidents/IncidentsPage")) });
const incident = createRoute({ getParentRoute: () => shell, path: "/incidents/$id", component: lazyRouteComponent(() => import("./pages/incidents/IncidentPage")) });
const alerts = createRoute({ getParentRoute: () => shell, path: "/alerts", component: lazyRouteComponent(() => import("./pages/alerts/AlertsPage")) });
const alert = createRoute({ getParentRoute: () => alerts, path: "$id", component: lazyRouteComponent(() => import("./pages/alerts/AlertPanel")) });
const services = createRoute({ getParentRoute: () => shell, path: "/services", component: lazyRouteComponent(() => import("./pages/services/ServicesPage")) });
const place = createRoute({ getParentRoute: () => shell, path: "/services/$namespace/$id", component: lazyRouteComponent(() => import("./pages/services/PlacePage")) });
const events = createRoute({ getParentRoute: () => shell, path: "/events", component: lazyRouteComponent(() => import("./pages/events/EventsPage")) });
const event = createRoute({ getParentRoute: () => events, path: "$position", component: lazyRouteComponent(() => import("./pages/events/EventPanel")) });
const story = createRoute({ getParentRoute: () => shell, path: "/events/$position/story", component: lazyRouteComponent(() => import("./pages/events/StoryPage")) });
const quietHome = createRoute({
  getParentRoute: () => shell, path: "/quiet",
  beforeLoad: () => {
    throw redirect({ to: "/quiet/$tab", params: { tab: "silences" } });
  },
});
const quiet = createRoute({ getParentRoute: () => shell, path: "/quiet/$tab", component: lazyRouteComponent(() => import("./pages/quiet/QuietPage")) });
/** Where silences were before; `id` named one of them. */
const silences = createRoute({
  getParentRoute: () => shell, path: "/silences",
  beforeLoad: ({ search }: { search: Search }) => {
    const { id, ...others } = search;
    throw redirect({ to: "/quiet/$tab", params: { tab: "silences" }, search: id === undefined ? others : { ...others, show: id } });
  },
});
const policies = createRoute({ getParentRoute: () => shell, path: "/policies", component: lazyRouteComponent(() => import("./pages/policies/PoliciesPage")) });
const newPolicy = createRoute({ getParentRoute: () => shell, path: "/policies/new", component: lazyRouteComponent(() => import("./pages/policies/NewPolicyPage")) });
const tryOn = createRoute({ getParentRoute: () => shell, path: "/policies/try", component: lazyRouteComponent(() => import("./pages/policies/TryPage")) });
const policy = createRoute({ getParentRoute: () => shell, path: "/policies/$namespace/$name", component: lazyRouteComponent(() => import("./pages/policies/PolicyPage")) });
const workflows = createRoute({ getParentRoute: () => shell, path: "/workflows", component: lazyRouteComponent(() => import("./pages/workflows/WorkflowsPage")) });
const newWorkflow = createRoute({ getParentRoute: () => shell, path: "/workflows/new", component: lazyRouteComponent(() => import("./pages/workflows/NewWorkflowPage")) });
const workflow = createRoute({ getParentRoute: () => shell, path: "/workflows/$namespace/$name", component: lazyRouteComponent(() => import("./pages/workflows/WorkflowPage")) });
const runs = createRoute({ getParentRoute: () => shell, path: "/runs", component: lazyRouteComponent(() => import("./pages/runs/RunsPage")) });
const run = createRoute({ getParentRoute: () => shell, path: "/runs/$id", component: lazyRouteComponent(() => import("./pages/runs/RunPage")) });
const approvals = createRoute({ getParentRoute: () => shell, path: "/approvals", component: lazyRouteComponent(() => import("./pages/approvals/ApprovalsPage")) });
const selfServiceHome = createRoute({
  getParentRoute: () => shell, path: "/self-service",
  // Messages lead here, and name the request that they are about.
  beforeLoad: ({ search }: { search: Search }) => {
    throw redirect({ to: "/self-service/$tab", params: { tab: search["show"] === undefined ? "offers" : "requests" }, search });
  },
});
const selfService = createRoute({ getParentRoute: () => shell, path: "/self-service/$tab", component: lazyRouteComponent(() => import("./pages/self-service/SelfServicePage")) });
const tickets = createRoute({ getParentRoute: () => shell, path: "/tickets", component: lazyRouteComponent(() => import("./pages/tickets/TicketsPage")) });
const ticket = createRoute({ getParentRoute: () => tickets, path: "$id", component: lazyRouteComponent(() => import("./pages/tickets/TicketPanel")) });
const changes = createRoute({ getParentRoute: () => shell, path: "/changes", component: lazyRouteComponent(() => import("./pages/changes/ChangesPage")) });
const changeCalendar = createRoute({ getParentRoute: () => shell, path: "/changes/calendar", component: lazyRouteComponent(() => import("./pages/changes/CalendarPage")) });
const changeRecords = createRoute({ getParentRoute: () => shell, path: "/changes/reported", component: lazyRouteComponent(() => import("./pages/change-records/RecordsPage")) });
const changeRecord = createRoute({ getParentRoute: () => changeRecords, path: "$id", component: lazyRouteComponent(() => import("./pages/change-records/RecordPanel")) });
const change = createRoute({
  getParentRoute: () => shell, path: "/changes/$id",
  // What is on record was here before; messages and tickets that were written then still lead here.
  beforeLoad: ({ params, search }: { params: { id: string }; search: Search }) => {
    if (params.id.startsWith("CR-")) throw redirect({ to: "/changes/reported/$id", params, search });
  },
  component: lazyRouteComponent(() => import("./pages/changes/ChangePage")),
});
const problems = createRoute({ getParentRoute: () => shell, path: "/problems", component: lazyRouteComponent(() => import("./pages/problems/ProblemsPage")) });
const handover = createRoute({ getParentRoute: () => shell, path: "/handover", component: lazyRouteComponent(() => import("./pages/handover/HandoverPage")) });
const onCall = createRoute({ getParentRoute: () => shell, path: "/on-call", component: lazyRouteComponent(() => import("./pages/oncall/OnCallPage")) });
const escalationPolicy = createRoute({ getParentRoute: () => shell, path: "/on-call/$namespace/$name", component: lazyRouteComponent(() => import("./pages/oncall/PlanPage")) });
const notifications = createRoute({ getParentRoute: () => shell, path: "/me/notifications", component: lazyRouteComponent(() => import("./pages/me/NotificationsPage")) });
const integrationsHome = createRoute({
  getParentRoute: () => shell, path: "/integrations",
  beforeLoad: () => {
    throw redirect({ to: "/integrations/$tab", params: { tab: "sources" } });
  },
});
const integrations = createRoute({ getParentRoute: () => shell, path: "/integrations/$tab", component: lazyRouteComponent(() => import("./pages/integrations/IntegrationsPage")) });
const adminHome = createRoute({
  getParentRoute: () => shell, path: "/admin",
  beforeLoad: () => {
    throw redirect({ to: "/admin/$tab", params: { tab: "people" } });
  },
});
const admin = createRoute({ getParentRoute: () => shell, path: "/admin/$tab", component: lazyRouteComponent(() => import("./pages/admin/AdminPage")) });

/** Any other address: the frame stays, so that one finds the way from there. */
const unknown = createRoute({ getParentRoute: () => shell, path: "$", component: NotFound });

const tree = root.addChildren([
  signIn,
  shell.addChildren([
    now, incidents, incident, alerts.addChildren([alert]), services, place, events.addChildren([event]), story, quietHome, quiet, silences, policies, newPolicy, tryOn, policy, workflows, newWorkflow, workflow, runs, run, approvals, selfServiceHome, selfService,
    tickets.addChildren([ticket]), changes, changeCalendar, changeRecords.addChildren([changeRecord]), change, problems, onCall, escalationPolicy, notifications, handover, integrationsHome, integrations, adminHome, admin, unknown,
  ]),
]);

export const router = createRouter({
  routeTree: tree,
  defaultPreload: "intent",
  scrollRestoration: true,
  // Plain query strings, readable in a chat: every value is text.
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const text = new URLSearchParams(
      Object.entries(search as Search).flatMap(([name, value]): [string, string][] => (value === undefined || value === "" ? [] : [[name, String(value)]])),
    ).toString();
    return text === "" ? "" : `?${text}`;
  },
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
