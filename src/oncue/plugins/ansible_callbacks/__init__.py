"""Loaded by Ansible, not by OnCue: see `oncue.plugins.actions.ansible_playbook`."""
