// No outside validator: the page has to work without a network and must tell nobody about the spec.
SwaggerUIBundle({
  url: "/__mock__/openapi.json",
  dom_id: "#api",
  validatorUrl: null,
  deepLinking: true,
  tryItOutEnabled: true,
  persistAuthorization: true,
});
