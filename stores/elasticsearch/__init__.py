"""Document index and vector store on Elasticsearch 8.19 and newer."""
