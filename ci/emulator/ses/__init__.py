"""Gap: SES v2. MiniStack takes what it is given; the twin here decides, remembers and reports as SES does."""
