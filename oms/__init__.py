"""Switchyard: an order-management system behind Shopify."""
