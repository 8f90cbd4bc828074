"""Postal addresses: from an input to what Shopify stores, coordinates included."""

from functools import cache

from babel import Locale

from oms.orders.postal import lookup

PROVINCES = {
    "US": (
        "AL Alabama|AK Alaska|AZ Arizona|AR Arkansas|CA California|CO Colorado|CT Connecticut|"
        "DE Delaware|DC District of Columbia|FL Florida|GA Georgia|HI Hawaii|ID Idaho|IL Illinois|"
        "IN Indiana|IA Iowa|KS Kansas|KY Kentucky|LA Louisiana|ME Maine|MD Maryland|"
        "MA Massachusetts|MI Michigan|MN Minnesota|MS Mississippi|MO Missouri|MT Montana|"
        "NE Nebraska|NV Nevada|NH New Hampshire|NJ New Jersey|NM New Mexico|NY New York|"
        "NC North Carolina|ND North Dakota|OH Ohio|OK Oklahoma|OR Oregon|PA Pennsylvania|"
        "PR Puerto Rico|RI Rhode Island|SC South Carolina|SD South Dakota|TN Tennessee|TX Texas|"
        "UT Utah|VT Vermont|VA Virginia|WA Washington|WV West Virginia|WI Wisconsin|WY Wyoming|"
        "AA Armed Forces Americas|AE Armed Forces Europe|AP Armed Forces Pacific"
    ),
    "CA": (
        "AB Alberta|BC British Columbia|MB Manitoba|NB New Brunswick|"
        "NL Newfoundland and Labrador|NS Nova Scotia|NT Northwest Territories|NU Nunavut|"
        "ON Ontario|PE Prince Edward Island|QC Quebec|SK Saskatchewan|YT Yukon"
    ),
    "AU": (
        "ACT Australian Capital Territory|NSW New South Wales|NT Northern Territory|"
        "QLD Queensland|SA South Australia|TAS Tasmania|VIC Victoria|WA Western Australia"
    ),
}


@cache
def province_names(country_code):
    rows = PROVINCES.get(country_code, "").split("|")
    return dict(row.split(" ", 1) for row in rows if row)


@cache
def country_name(code):
    return Locale("en").territories.get(code) if code else None


@cache
def country_code_of(name):
    wanted = name.strip().lower()
    for code, each in Locale("en").territories.items():
        if len(code) == 2 and wanted in (each.lower(), code.lower()):
            return code
    return None


def mailing_address(store, given):
    """A MailingAddress in GraphQL's shape; coordinates come from the postal code, where known."""
    if not given:
        return None
    code = given.get("countryCode") or (
        country_code_of(given["country"]) if given.get("country") else None
    )
    province_code, province = given.get("provinceCode"), given.get("province")
    names = province_names(code)
    if province_code:
        province = names.get(province_code, province)
    elif province:
        by_name = {name.lower(): key for key, name in names.items()}
        province_code = by_name.get(province.lower())
    name = " ".join(part for part in (given.get("firstName"), given.get("lastName")) if part)
    point = lookup(code, given["zip"]) if code and given.get("zip") else None
    area = ", ".join(
        part
        for part in (
            " ".join(p for p in (given.get("city"), province_code) if p),
            country_name(code),
        )
        if part
    )
    return {
        "id": f"gid://shopify/MailingAddress/{store.next_id()}?model_name=Address",
        "firstName": given.get("firstName"),
        "lastName": given.get("lastName"),
        "name": name or None,
        "company": given.get("company"),
        "address1": given.get("address1"),
        "address2": given.get("address2"),
        "city": given.get("city"),
        "province": province,
        "provinceCode": province_code,
        "country": country_name(code) or given.get("country"),
        "countryCode": code,
        "countryCodeV2": code,
        "zip": given.get("zip"),
        "phone": given.get("phone"),
        "latitude": point[0] if point else None,
        "longitude": point[1] if point else None,
        "coordinatesValidated": point is not None,
        "timeZone": None,
        "formattedArea": area or None,
    }
