"""The four people of the demo, one a role. Only `seed_demo` makes them."""

# role, user name, password, full name
LOGINS = [
    ("ops", "olga", "olga-runs-the-yard", "Olga Petrova"),
    ("support", "sam", "sam-answers-calls", "Sam Okafor"),
    ("finance", "fay", "fay-counts-pennies", "Fay Adeyemi"),
    ("admin", "ada", "ada-keeps-the-keys", "Ada Berg"),
]
