"""Every address of the project: the console at the root; webhooks, jobs and the API beside it."""

from django.contrib import admin
from django.urls import include, path

from oms.console.jobs import job_pages
from oms.shopify import webhooks

urlpatterns = [
    path("webhooks/shopify/<str:handle>/", webhooks.shopify_webhook, name="shopify-webhook"),
    path("jobs/", job_pages()),
    path("api/", include("oms.console.api.urls")),
    path("", admin.site.urls),
]
