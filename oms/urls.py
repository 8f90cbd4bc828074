"""Every address of the project: the console at the root, webhooks and job pages beside it."""

from django.contrib import admin
from django.urls import path

from oms.console.jobs import job_pages
from oms.shopify import webhooks

urlpatterns = [
    path("webhooks/shopify/<str:handle>/", webhooks.shopify_webhook, name="shopify-webhook"),
    path("jobs/", job_pages()),
    path("", admin.site.urls),
]
