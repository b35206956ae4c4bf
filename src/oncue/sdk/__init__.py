"""What a plugin author imports; the public, versioned boundary."""

from oncue.core.alert import Crossing
from oncue.core.effect import EffectClass, StatedClass
from oncue.core.manifest import SAPDatabase, SAPInstance, SAPSystemSpec
from oncue.core.objective import Budget, Burn
from oncue.core.prioritise import Priority
from oncue.sdk.action import Action, Permitted, Reaching
from oncue.sdk.context import Allowed, AnsibleRules, Context, Log, PythonRules, Rules, SecretRef, ShellRules
from oncue.sdk.errors import COMMON, ActionError, ErrorDoc, nothing_done_yet
from oncue.sdk.http import Fetched, fetch
from oncue.sdk.itself import Itself
from oncue.sdk.itsm import News, Pull, Pulled, Push, Pushed, Remark, System, TicketState, View
from oncue.sdk.mail import Mailer, address_of
from oncue.sdk.mask import Mask
from oncue.sdk.monitor import Fault, Happening, MetricDoc, Monitor, Probe, Reading
from oncue.sdk.notifier import Delivery, Message, Notification, Notifier
from oncue.sdk.outbound import Allow, Guard, Place, place_of
from oncue.sdk.telling import Stream, Tell, Told

__all__ = [
    "COMMON",
    "Action",
    "ActionError",
    "Allow",
    "Allowed",
    "AnsibleRules",
    "Budget",
    "Burn",
    "Context",
    "Crossing",
    "Delivery",
    "EffectClass",
    "ErrorDoc",
    "Fault",
    "Fetched",
    "Guard",
    "Happening",
    "Itself",
    "Log",
    "Mailer",
    "Mask",
    "Message",
    "MetricDoc",
    "Monitor",
    "News",
    "Notification",
    "Notifier",
    "Permitted",
    "Place",
    "Priority",
    "Probe",
    "Pull",
    "Pulled",
    "Push",
    "Pushed",
    "PythonRules",
    "Reaching",
    "Reading",
    "Remark",
    "Rules",
    "SAPDatabase",
    "SAPInstance",
    "SAPSystemSpec",
    "SecretRef",
    "ShellRules",
    "StatedClass",
    "Stream",
    "System",
    "Tell",
    "TicketState",
    "Told",
    "View",
    "address_of",
    "fetch",
    "nothing_done_yet",
    "place_of",
]
