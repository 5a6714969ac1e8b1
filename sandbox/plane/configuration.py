"""The instance settings that Plane stores in its database, with the values of a first start."""

from __future__ import annotations

from collections.abc import Mapping

from .models import Configuration

#: Key, value, category and whether it is stored encrypted, in the order in which the API lists them.
DEFAULTS: tuple[tuple[str, str | None, str, bool], ...] = (
    ("INTERCOM_APP_ID", "", "INTERCOM", False),
    ("IS_INTERCOM_ENABLED", "1", "INTERCOM", False),
    ("UNSPLASH_ACCESS_KEY", "", "UNSPLASH", True),
    ("GPT_ENGINE", "gpt-3.5-turbo", "AI", False),
    ("LLM_MODEL", "gpt-4o-mini", "AI", False),
    ("LLM_PROVIDER", "openai", "AI", False),
    ("LLM_API_KEY", "", "AI", True),
    ("EMAIL_USE_SSL", "0", "SMTP", False),
    ("EMAIL_USE_TLS", "1", "SMTP", False),
    ("EMAIL_FROM", "", "SMTP", False),
    ("EMAIL_PORT", "587", "SMTP", False),
    ("EMAIL_HOST_PASSWORD", "", "SMTP", True),
    ("EMAIL_HOST_USER", "", "SMTP", False),
    ("EMAIL_HOST", "", "SMTP", False),
    ("ENABLE_SMTP", "0", "SMTP", False),
    ("ENABLE_GITEA_SYNC", "0", "GITEA", False),
    ("GITEA_CLIENT_SECRET", "", "GITEA", True),
    ("GITEA_CLIENT_ID", None, "GITEA", False),
    ("GITEA_HOST", None, "GITEA", False),
    ("IS_GITEA_ENABLED", "0", "GITEA", False),
    ("ENABLE_GITLAB_SYNC", "0", "GITLAB", False),
    ("GITLAB_CLIENT_SECRET", "", "GITLAB", True),
    ("GITLAB_CLIENT_ID", None, "GITLAB", False),
    ("GITLAB_HOST", None, "GITLAB", False),
    ("ENABLE_GITHUB_SYNC", "0", "GITHUB", False),
    ("GITHUB_ORGANIZATION_ID", None, "GITHUB", False),
    ("GITHUB_CLIENT_SECRET", "", "GITHUB", True),
    ("GITHUB_CLIENT_ID", None, "GITHUB", False),
    ("ENABLE_GOOGLE_SYNC", "0", "GOOGLE", False),
    ("GOOGLE_CLIENT_SECRET", "", "GOOGLE", True),
    ("GOOGLE_CLIENT_ID", None, "GOOGLE", False),
    ("DISABLE_WORKSPACE_CREATION", "0", "WORKSPACE_MANAGEMENT", False),
    ("ENABLE_MAGIC_LINK_LOGIN", "0", "AUTHENTICATION", False),
    ("ENABLE_EMAIL_PASSWORD", "1", "AUTHENTICATION", False),
    ("ENABLE_SIGNUP", "1", "AUTHENTICATION", False),
)


def configurations_by_key(environment: Mapping[str, str], intercom: bool) -> dict[str, Configuration]:
    """The rows of a first start; the environment is read here and never again (facts)."""
    return {
        key: Configuration(key=key, value=environment.get(key, value), category=category, is_encrypted=encrypted)
        for key, value, category, encrypted in DEFAULTS
        if intercom or category != "INTERCOM"
    }
