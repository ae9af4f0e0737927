"""Models that another server holds: any that speaks OpenAI's API, such as vLLM, SGLang, llama-server or another Yanmo."""
