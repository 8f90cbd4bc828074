"""The shop itself and the asynchronous jobs."""

from oms.shopify.sandbox.registry import field, keys, plain

plain("ShopPlan", "displayName partnerDevelopment publicDisplayName shopifyPlus")
plain("Domain", "id host url sslEnabled")
plain("Job", "done id")
plain(
    "ShopAddress",
    "id address1 address2 city country countryCodeV2 zip provinceCode province company phone",
)


@field("QueryRoot", "shop")
def shop_root(root, info):
    return {"__typename": "Shop", **info.context.store.meta["shop"]}


keys(
    "Shop",
    name="name",
    myshopifyDomain="domain",
    currencyCode="currency",
    ianaTimezone="timezone",
    email="email",
    contactEmail="email",
    weightUnit="weight_unit",
    createdAt="created_at",
)


@field("Shop", "id")
def shop_id(shop, info):
    return f"gid://shopify/Shop/{shop['id']}"


@field("Shop", "url")
def url(shop, info):
    return f"https://{shop['domain']}"


@field("Shop", "taxesIncluded", "taxShipping", "setupRequired")
def off(shop, info):
    return False


@field("Shop", "primaryDomain")
def primary_domain(shop, info):
    return {
        "id": f"gid://shopify/Domain/{shop['id']}",
        "host": shop["domain"],
        "url": f"https://{shop['domain']}",
        "sslEnabled": True,
    }


@field("Shop", "plan")
def plan(shop, info):
    return {
        "displayName": shop["plan"],
        "publicDisplayName": shop["plan"],
        "partnerDevelopment": False,
        "shopifyPlus": shop["plan"] in ("Plus", "Enterprise"),
    }


@field("QueryRoot", "job")
def job_root(root, info, id):
    job = info.context.store.get("Job", id.rsplit("/", 1)[1])
    return job_shown(job) if job else None


def job_shown(job):
    return {"__typename": "Job", "id": f"gid://shopify/Job/{job['id']}", "done": job["done"]}
